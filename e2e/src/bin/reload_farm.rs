//! The farm of the reload tests: its code does what the file `code` in its folder says when it is loaded.

use std::process::ExitCode;

mod workers {
    //! Workers of the farm.
    use std::time::Duration;

    use gearman_driver::prelude::*;

    /// Jobs that tell which code they are.
    pub(crate) struct Code {
        /// What the file said: a version, or what goes wrong.
        code: String,
    }

    #[worker]
    impl Code {
        fn new(_options: &WorkerOptions) -> Result<Self, Error> {
            let code = std::fs::read_to_string("code").unwrap_or_default().trim().to_owned();
            if code == "fails to load" { Err("this code fails to load".into()) } else { Ok(Self { code }) }
        }

        fn process_start(&mut self) -> Result<(), Error> {
            if self.code == "dies at once" { Err("this code dies at once".into()) } else { Ok(()) }
        }

        /// Answers the version of the code and the executable.
        #[job(min_processes = 3, max_processes = 3)]
        fn version(&self) -> Result<String, Error> {
            Ok(format!("{} {}", self.code, std::env::current_exe()?.display()))
        }

        /// Workload: milliseconds to sleep.
        #[job(min_processes = 2, max_processes = 20)]
        fn sleep(&self, workload: &str) -> Result<String, Error> {
            std::thread::sleep(Duration::from_millis(workload.parse()?));
            Ok(self.code.clone())
        }
    }
}

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["reload_farm::workers"]).run()
}
