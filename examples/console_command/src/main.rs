//! Two console commands of a program's own.
//!
//! ```sh
//! cargo run -p console_command
//! printf 'help\nboost console_command::workers::Echo::echo\nfailures\nquit\n' | nc localhost 47300
//! ```
//!
//! A command is a type with the trait [`ConsoleCommand`], registered with [`Driver::console_command`]. It gets a
//! [`DriverHandle`], can do with it whatever the driver can be told to do, and may take its time.

use std::process::ExitCode;

use gearman_driver::{ConsoleCommand, Driver, DriverHandle, Error};

mod workers {
    use gearman_driver::prelude::*;

    pub(crate) struct Echo;

    #[worker]
    impl Echo {
        fn new(_options: &WorkerOptions) -> Self {
            Self
        }

        #[job(min_processes = 1, max_processes = 2)]
        fn echo(&self, workload: &[u8]) -> Result<Vec<u8>, Error> {
            if workload.is_empty() { Err("nothing to say".into()) } else { Ok(workload.to_vec()) }
        }
    }
}

/// `boost JOB`: twice as many processes, and all of them now.
struct Boost;

impl ConsoleCommand for Boost {
    fn name(&self) -> &str {
        "boost"
    }

    fn arguments(&self) -> &str {
        "JOB"
    }

    fn summary(&self) -> &str {
        "Doubles a job's max_processes, and starts processes up to there"
    }

    fn run(&self, driver: &DriverHandle, arguments: &[&str]) -> Result<Vec<String>, Error> {
        let name = arguments.first().copied().unwrap_or_default();
        let job = driver.job(name).ok_or_else(|| format!("invalid_job_name: {name}"))?;
        let max = job.max_processes().max(1) * 2;
        job.set_max_processes(max)?;
        while job.add_process().is_ok() {}
        Ok(vec![format!("{} of {max} processes", job.count_processes())])
    }
}

/// `failures`: which jobs have failed, and how.
struct Failures;

impl ConsoleCommand for Failures {
    fn name(&self) -> &str {
        "failures"
    }

    fn summary(&self) -> &str {
        "Lists the jobs that have failed, with their last error"
    }

    fn run(&self, driver: &DriverHandle, _arguments: &[&str]) -> Result<Vec<String>, Error> {
        let failures = driver.jobs().into_iter().filter_map(|job| {
            let message = job.last_error_message()?;
            Some(format!("{}  {message}", job.name()))
        });
        Ok(failures.collect())
    }
}

fn main() -> ExitCode {
    Driver::from_args().namespaces(["console_command::workers"]).console_command(Boost).console_command(Failures).run()
}
