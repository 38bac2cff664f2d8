//! Asynchronous jobs: one process fetches many pages at once.
//!
//! ```sh
//! cargo run -p async_fetch -- --interval 1
//! gearman -f async_fetch::workers::Fetch::page '"/7"'     # one page
//! gearman -f async_fetch::workers::Fetch::crawl 50        # fifty, through fifty jobs
//! ```
//!
//! The pages come from a little web server on 127.0.0.1 that each process starts for itself (`site.rs`) and that takes
//! 100 ms for each: fifty pages take little more than one.

use std::process::ExitCode;

mod http;
mod site;

mod workers {
    use std::net::SocketAddr;
    use std::time::Duration;

    use gearman_driver::prelude::*;
    use serde::{Deserialize, Serialize};
    use tokio::task::JoinSet;

    use crate::{http, site};

    /// A page, fetched. Its callers read what the job writes, so it goes both ways.
    #[derive(Debug, Serialize, Deserialize)]
    pub(crate) struct Page {
        status: u16,
        bytes: usize,
    }

    /// Many of them.
    #[derive(Debug, Serialize, Deserialize)]
    pub(crate) struct Crawled {
        pages: usize,
        bytes: usize,
    }

    #[derive(Default)]
    pub(crate) struct Fetch {
        site: Option<SocketAddr>,
    }

    #[worker]
    impl Fetch {
        /// Up to 64 of these jobs wait for their pages in one process, on one thread.
        #[job(concurrency = 64)]
        async fn page(&self, Json(path): Json<String>) -> Result<Json<Page>, Error> {
            let site = self.site.ok_or("process_start has not run")?;
            let answer = tokio::time::timeout(Duration::from_secs(10), http::get(site, &path));
            let (status, body) = answer.await.map_err(|_| "no answer within 10 s")??;
            Ok(Json(Page { status, bytes: body.len() }))
        }

        /// Has other jobs do it, all at once, and waits for them without holding anybody up. `FetchClient` is written by
        /// `#[worker]`.
        #[job(concurrency = 8)]
        async fn crawl(&self, job: &mut Job, Json(count): Json<usize>) -> Result<Json<Crawled>, Error> {
            let mut waiting = JoinSet::new();
            for number in 1..=count {
                let client = job.client_async();
                // On this thread: what `&job.client_async()` gives need not be `Send`.
                waiting.spawn_local(async move { FetchClient::page(&client, &format!("/{number}")).await });
            }
            let mut crawled = Crawled { pages: 0, bytes: 0 };
            while let Some(page) = waiting.join_next().await {
                crawled.bytes += page??.bytes;
                crawled.pages += 1;
                job.send_status(crawled.pages as u64, count as u64)?;
            }
            Ok(Json(crawled))
        }

        /// Runs in each process, inside its runtime: sockets may be made and tasks be started here.
        fn process_start(&mut self) -> Result<(), Error> {
            self.site = Some(site::start()?);
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    gearman_driver::Driver::from_args().namespaces(["async_fetch::workers"]).run()
}

#[cfg(test)]
mod tests {
    use gearman_driver::prelude::*;

    use crate::workers::Fetch;

    /// No job server and no driver: a worker's asynchronous jobs in a plain test.
    #[test]
    fn a_page_is_fetched() {
        let worker = TestWorker::<Fetch>::new(WorkerOptions::new()).unwrap();
        assert_eq!(worker.call("page", r#""/7""#).unwrap(), br#"{"status":200,"bytes":7}"#);
        assert_eq!(worker.call("page", r#""/no/number""#).unwrap(), br#"{"status":404,"bytes":0}"#);
        assert!(worker.call("page", "/7").unwrap_err().to_string().starts_with("decode failed"));
    }
}
