//! A job that submits five others and puts their results together.
//!
//! ```sh
//! cargo run -p spread -- --interval 1
//! gearman -f spread::workers::Sum::spread 1000000      # 500000500000
//! ```
//!
//! `spread` cuts a range into five parts, has `part` add up each, and adds up what comes back. With several drivers
//! on several machines the parts go to whoever is free.

use std::process::ExitCode;

mod workers {
    use gearman_driver::prelude::*;
    use gearman_driver::{JobClient, JobError};

    /// Into so many parts a range is cut.
    const PARTS: u64 = 5;

    /// The type path is the prefix of its functions' names.
    const PART: &str = "spread::workers::Sum::part";

    pub(crate) struct Sum;

    #[worker]
    impl Sum {
        fn new(_options: &WorkerOptions) -> Self {
            Self
        }

        /// The sum of 1 to N. It holds its process while it waits, so it and `part` must not share processes: with all of
        /// them waiting, none would be left to do the parts.
        #[job(min_processes = 1, max_processes = 2)]
        fn spread(&self, job: &mut Job, workload: &str) -> Result<String, Error> {
            let last: u64 = workload.trim().parse()?;
            let client = job.client();
            let bounds = (0..PARTS).map(|part| (last * part / PARTS + 1, last * (part + 1) / PARTS));
            // Threads may be started in a worker process; each has a connection of its own.
            let sums = std::thread::scope(|scope| {
                let waiting: Vec<_> = bounds
                    .map(|(from, to)| {
                        let client = client.clone();
                        scope.spawn(move || part(&client, from, to))
                    })
                    .collect();
                waiting.into_iter().map(|part| part.join().map_err(|_| "a part panicked")?).collect::<Vec<_>>()
            });
            let mut sum = 0;
            for (done, part) in (1..).zip(sums) {
                sum += part?;
                job.send_status(done, PARTS)?;
            }
            Ok(sum.to_string())
        }

        /// The sum of `FROM TO`.
        #[job(min_processes = 0, max_processes = 5)]
        fn part(&self, workload: &str) -> Result<String, Error> {
            let (from, to) = workload.split_once(' ').ok_or("the workload is FROM TO")?;
            let (from, to): (u64, u64) = (from.parse()?, to.parse()?);
            Ok((from..=to).sum::<u64>().to_string())
        }
    }

    fn part(client: &JobClient, from: u64, to: u64) -> Result<u64, Error> {
        let result: Result<Vec<u8>, JobError> = client.run(PART, format!("{from} {to}"));
        Ok(String::from_utf8(result?)?.parse()?)
    }
}

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["spread::workers"]).run()
}
