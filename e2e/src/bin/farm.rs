//! The farm that most tests run.

use std::process::ExitCode;

mod workers {
    //! Workers of the farm.
    use gearman_driver::prelude::*;

    /// Answers at once.
    pub(crate) struct Echo;

    #[worker]
    impl Echo {
        fn new(_options: &WorkerOptions) -> Self {
            // For tests of a start that takes long: until a file is there.
            if let Some(gate) = std::env::var_os("FARM_SLOW_START") {
                while !std::path::Path::new(&gate).exists() {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
            Self
        }

        #[job(min_processes = 1, max_processes = 5)]
        fn echo(&self, workload: &[u8]) -> Vec<u8> {
            workload.to_vec()
        }

        #[job(min_processes = 0, max_processes = 10)]
        fn sleep(&self, workload: &str) -> Result<String, Error> {
            let millis: u64 = workload.parse()?;
            println!("sleeping {millis}");
            log::warn!("a record of sleep");
            std::thread::sleep(std::time::Duration::from_millis(millis));
            Ok(millis.to_string())
        }

        #[job(min_processes = 1)]
        fn boom(&self) -> Result<String, Error> {
            panic!("boom on purpose")
        }
    }
}

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["farm::workers"]).run()
}
