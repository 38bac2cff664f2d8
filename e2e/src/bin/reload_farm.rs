//! The farm of the reload tests: its code does what the file `code` in its folder says when it is loaded, and its `main`
//! sets what the file `program.json` says.

use std::process::ExitCode;
use std::time::Duration;

mod workers {
    //! Workers of the farm.
    use std::time::Duration;

    use gearman_driver::prelude::*;

    /// Jobs that tell which code they are.
    pub(crate) struct Code {
        /// What the file said: a version, or what goes wrong.
        code: String,
        greeting: String,
    }

    #[worker]
    impl Code {
        fn new(options: &WorkerOptions) -> Result<Self, Error> {
            let code = std::fs::read_to_string("code").unwrap_or_default().trim().to_owned();
            let greeting = options.get("greeting").unwrap_or_default();
            if code == "fails to load" { Err("this code fails to load".into()) } else { Ok(Self { code, greeting }) }
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

        /// Answers the option `greeting`.
        #[job]
        fn greeting(&self) -> String {
            self.greeting.clone()
        }
    }
}

fn main() -> ExitCode {
    let mut driver = gearman_driver::Driver::from_args().namespaces(["reload_farm::workers"]);
    let program = std::fs::read("program.json").unwrap_or_else(|_| b"{}".to_vec());
    let program: serde_json::Value = serde_json::from_slice(&program).expect("the test writes JSON");
    if let Some(seconds) = program["interval"].as_u64() {
        driver = driver.interval(Duration::from_secs(seconds));
    }
    if let Some(level) = program["loglevel"].as_str() {
        driver = driver.loglevel(level);
    }
    if !program["worker_options"].is_null() {
        driver = driver.worker_options(&program["worker_options"]);
    }
    if !program["job_runtime_attributes"].is_null() {
        driver = driver.job_runtime_attributes(&program["job_runtime_attributes"]);
    }
    driver.run()
}
