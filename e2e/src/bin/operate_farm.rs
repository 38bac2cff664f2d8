//! The farm of the tests about operating a driver: its console, configuration and command line.
//!
//! What the builder says comes from `OPERATE_*`, so that a test chooses it; nothing else tells the builder anything.

use std::process::ExitCode;

use gearman_driver::Driver;

mod workers {
    //! Workers of the farm.
    use gearman_driver::prelude::*;

    /// Named as the documentation's example, which docs/console.md is made from.
    pub(crate) struct Image;

    #[worker]
    impl Image {
        fn new(_options: &WorkerOptions) -> Self {
            Self
        }

        fn prefix(&self) -> String {
            "my_app::workers::image::Image::".to_owned()
        }

        #[job(min_processes = 1, max_processes = 5)]
        fn scale_image(&self, workload: &[u8]) -> Vec<u8> {
            workload.to_vec()
        }

        /// Fails with the workload as its message.
        #[job(min_processes = 0, max_processes = 5)]
        fn convert(&self, workload: &str) -> Result<(), Error> {
            Err(workload.to_owned().into())
        }

        /// Waits until the file that the workload names is gone.
        #[job(min_processes = 0, max_processes = 5)]
        fn wait(&self, workload: &str) -> Result<(), Error> {
            while std::fs::exists(workload)? {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Ok(())
        }
    }

    /// Shows what it was configured with.
    pub(crate) struct Configured {
        shown: String,
    }

    #[worker]
    impl Configured {
        fn new(options: &WorkerOptions) -> Self {
            let option = |key| options.get::<String>(key).unwrap_or_else(|error| format!("({error})"));
            Self { shown: format!("{} {} {}", option("fruit"), option("colour"), options.server()) }
        }

        #[job(min_processes = 0, max_processes = 3)]
        fn show(&self) -> Result<String, Error> {
            log::debug!("a debug record");
            log::error!("an error record");
            Ok(self.shown.clone())
        }
    }
}

/// A value for the builder.
fn given(name: &str) -> Option<String> {
    std::env::var(format!("OPERATE_{name}")).ok()
}

fn json(name: &str) -> Option<serde_json::Value> {
    given(name).map(|text| serde_json::from_str(&text).expect("the test gives JSON"))
}

fn main() -> ExitCode {
    let mut driver = Driver::from_args().namespaces(["operate_farm::workers"]);
    if let Some(server) = given("SERVER") {
        driver = driver.server(server);
    }
    if let Some(port) = given("CONSOLE_PORT").and_then(|port| port.parse().ok()) {
        driver = driver.console_port(port);
    }
    if let Some(file) = given("LOGFILE") {
        driver = driver.logfile(file);
    }
    if let Some(layout) = given("LOGLAYOUT") {
        driver = driver.loglayout(layout);
    }
    if let Some(level) = given("LOGLEVEL") {
        driver = driver.loglevel(level);
    }
    if let Some(file) = given("CONFIGFILE") {
        driver = driver.configfile(file);
    }
    if let Some(options) = json("WORKER_OPTIONS") {
        driver = driver.worker_options(options);
    }
    if let Some(attributes) = json("JOB_RUNTIME_ATTRIBUTES") {
        driver = driver.job_runtime_attributes(attributes);
    }
    driver.run()
}
