//! A farm with asynchronous functions.

use std::process::ExitCode;
use std::time::Duration;

use gearman_driver::prelude::*;
use gearman_driver::{AsyncJobSpec, AsyncMethod};

mod workers {
    //! Workers of the farm.
    use std::time::Duration;

    use gearman_driver::prelude::*;
    use tokio::sync::OnceCell;

    /// Waits, fails, panics, asks others.
    #[derive(Default)]
    pub(crate) struct Fetch {
        socket: Option<tokio::net::UdpSocket>,
        started: OnceCell<String>,
    }

    #[worker]
    impl Fetch {
        #[job(concurrency = 64)]
        async fn sleep(&self, workload: &str) -> Result<String, Error> {
            tokio::time::sleep(Duration::from_millis(workload.parse()?)).await;
            Ok(format!("slept {workload}"))
        }

        /// One process, few permits.
        #[job(concurrency = 4)]
        async fn few(&self, workload: &str) -> Result<String, Error> {
            tokio::time::sleep(Duration::from_millis(workload.parse()?)).await;
            Ok(std::process::id().to_string())
        }

        /// Without concurrency: one at a time.
        #[job]
        async fn one(&self, job: &mut Job, Json(millis): Json<u64>) -> Json<String> {
            log::warn!("a record of {}", job.handle());
            tokio::time::sleep(Duration::from_millis(millis)).await;
            log::warn!("another of {}", job.handle());
            Json(job.handle().to_owned())
        }

        #[job(concurrency = 16)]
        async fn large(&self, job: &mut Job, workload: &str) -> Result<Vec<u8>, Error> {
            let (millis, bytes) = workload.split_once(' ').ok_or("MILLIS BYTES")?;
            job.send_status(0, 1)?;
            tokio::time::sleep(Duration::from_millis(millis.parse()?)).await;
            job.send_status(1, 1)?;
            Ok(vec![b'x'; bytes.parse()?])
        }

        /// Data far faster than it is taken.
        #[job]
        async fn pour(&self, job: &mut Job) -> Result<(), Error> {
            for _ in 0..64 {
                job.send_data(vec![b'x'; 1 << 20])?;
            }
            Ok(())
        }

        #[job(concurrency = 8, process_group = "mixed")]
        async fn boom(&self, workload: &str) -> Result<String, Error> {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(workload != "boom", "boom on purpose");
            Ok(std::process::id().to_string())
        }

        #[job(process_group = "mixed")]
        async fn slow(&self, workload: &str) -> Result<String, Error> {
            tokio::time::sleep(Duration::from_millis(workload.parse()?)).await;
            Ok(std::process::id().to_string())
        }

        /// On the same thread as the two above.
        #[job(process_group = "mixed")]
        fn plain(&self, workload: &[u8]) -> Vec<u8> {
            workload.to_ascii_uppercase()
        }

        /// Has others do it, at once.
        #[job(concurrency = 8)]
        async fn ask(&self, job: &mut Job) -> Result<String, Error> {
            let client = job.client_async();
            let sleep = "async_farm::workers::Fetch::sleep";
            let (a, b) = tokio::join!(client.run(sleep, "150"), client.run(sleep, "150"));
            let handle = client.submit_background(sleep, "0").await?;
            let failed = client.run(sleep, "x").await.map_err(|error| error.to_string());
            Ok(format!("{} {} {} {failed:?}", String::from_utf8(a?)?, String::from_utf8(b?)?, handle.starts_with("H:")))
        }

        /// Has others do it, by their types: asynchronously, and (holding up this process) not.
        #[job]
        async fn typed(&self, job: &mut Job) -> Result<String, Error> {
            let handle = FetchClient::one(&job.client_async(), &5).await?;
            let blocking = FetchClient::plain(&job.client(), b"loud")?;
            Ok(format!("{} {}", handle.starts_with("H:"), String::from_utf8(blocking)?))
        }

        /// What process_start made on the runtime works, and so does what the first job makes.
        #[job]
        async fn made(&self) -> Result<String, Error> {
            let socket = self.socket.as_ref().ok_or("no socket")?;
            socket.send_to(b"to myself", socket.local_addr()?).await?;
            let mut buffer = [0; 16];
            let n = socket.recv(&mut buffer).await?;
            let first = self.started.get_or_init(|| async { "made by the first job".to_owned() }).await;
            Ok(format!("{} {first}", String::from_utf8_lossy(&buffer[..n])))
        }

        /// Stays for two seconds after its last job, whatever the driver's max_idle_time.
        #[job(min_processes = 0, max_processes = 1, max_idle_time = "2s")]
        fn stays(&self) {}

        /// As long as the driver says.
        #[job(min_processes = 0, max_processes = 1)]
        fn goes(&self) {}

        fn process_start(&mut self) -> Result<(), Error> {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
            socket.set_nonblocking(true)?;
            self.socket = Some(tokio::net::UdpSocket::from_std(socket)?);
            Ok(())
        }

        fn process_stop(&mut self) {
            log::warn!("process_stop with a socket: {}", self.socket.take().is_some());
        }
    }
}

/// An asynchronous job without macros: two functions that share the permits of a process.
fn added() -> AsyncJobSpec {
    let method = |name: &str, answer: fn(&str) -> Result<String, Error>| AsyncMethod {
        name: name.to_owned(),
        body: Box::new(move |worker, job, workload| {
            Box::pin(async move {
                let Added(greeting) = worker.downcast_ref().ok_or("the worker of this job is Added")?;
                let millis = std::str::from_utf8(workload)?;
                job.send_status(0, 1)?;
                tokio::time::sleep(Duration::from_millis(millis.parse()?)).await;
                Ok(format!("{greeting} {}", answer(millis)?).into_bytes())
            })
        }),
        decode: None,
        encode: None,
    };
    AsyncJobSpec {
        name: "added".to_owned(),
        min_processes: 1,
        max_processes: 1,
        concurrency: 8,
        worker: Box::new(Added("hello,")),
        methods: vec![
            method("wait", |millis| Ok(format!("waited {millis}"))),
            method("trip", |_| Err("tripped on purpose".into())),
        ],
    }
}

struct Added(&'static str);

impl Worker for Added {}

fn main() -> ExitCode {
    Driver::from_args().namespaces(["async_farm::workers"]).add_job(added()).run()
}
