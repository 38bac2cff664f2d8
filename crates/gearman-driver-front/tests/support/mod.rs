//! A driver without processes: the real manager, whose effects come true at once.

#![expect(clippy::unwrap_used, reason = "a test should fail where its support does")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gearman_driver_core::job::JobDeclaration;
use gearman_driver_core::limits::Limits;
use gearman_driver_core::manager::{Effect, Event, Manager, Settings};
use gearman_driver_core::order::{OrderError, OrderId};
use gearman_driver_core::process::{ExitStatus, HostId};
use gearman_driver_core::snapshot::Snapshot;
use gearman_driver_core::time::Time;
use gearman_driver_front::console::{Commands, serve};
use gearman_driver_front::{Handle, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No answer takes longer, unless a test says so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

struct Driver {
    manager: Manager,
    replies: BTreeMap<OrderId, Result<(), OrderError>>,
    orders: u64,
    jobs: Vec<JobDeclaration>,
}

impl Driver {
    fn new(jobs: &[(&str, u32, u32)]) -> Self {
        let manager = Manager::new(Settings { version: "1.2.3".to_owned(), ..Settings::default() });
        let mut driver = Self { manager, replies: BTreeMap::new(), orders: 0, jobs: Vec::new() };
        let declare = |&(name, min, max): &(&str, u32, u32)| {
            JobDeclaration::new(name, vec![name.to_owned()], Limits::new(min, max).unwrap())
        };
        driver.feed(Event::Started);
        driver.jobs = jobs.iter().map(declare).collect();
        let jobs = driver.jobs.clone();
        driver.feed(Event::HostReady { host: HostId(1), generation: 1, jobs });
        driver
    }

    fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.manager.handle(Time::START, event) {
                match effect {
                    Effect::StartHost { host, generation } if generation > 1 => {
                        events.push(Event::HostReady { host, generation, jobs: self.jobs.clone() });
                    }
                    Effect::Spawn { process, .. } => {
                        let pid = 20_000 + u32::try_from(process.0).unwrap();
                        events.push(Event::Spawned { process, pid });
                    }
                    Effect::Stop { process } | Effect::Kill { process } => {
                        events.push(Event::Exited { process, status: ExitStatus::Code(0), final_activity: None });
                    }
                    Effect::Reply { id, result } => {
                        self.replies.insert(id, result);
                    }
                    _ => {}
                }
            }
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Order { order, reply } => {
                self.orders += 1;
                let id = OrderId(self.orders);
                self.feed(Event::Order { id, order });
                let result = self.replies.remove(&id).expect("each order is answered");
                let _ = reply.send(result);
            }
            Request::Snapshot { reply } => {
                let _ = reply.send(Arc::new(self.snapshot()));
            }
            Request::SetInterval { reply, .. } | Request::SetLogLevel { reply, .. } => drop(reply.send(())),
            Request::Save { reply } => drop(reply.send(Ok(()))),
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.manager.snapshot(Time::START)
    }
}

/// A handle to a driver with these jobs: name, min, max.
pub(crate) fn driver(jobs: &[(&str, u32, u32)]) -> Handle {
    let mut driver = Driver::new(jobs);
    let (requests, mut incoming) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(request) = incoming.recv().await {
            driver.answer(request);
        }
    });
    Handle::new(requests)
}

/// A console on a free port.
pub(crate) async fn console(handle: Handle) -> SocketAddr {
    console_with(handle, Commands::new()).await
}

/// A console with these commands on a free port.
pub(crate) async fn console_with(handle: Handle, commands: Commands) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, handle, Arc::new(commands), |_| ()));
    address
}

/// A client that shows all bytes.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// What comes, up to so many lines with a single dot.
    pub(crate) async fn answers(&mut self, count: usize) -> String {
        let mut bytes = Vec::new();
        let read = async {
            while bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| *line == b".\r\n").count() < count {
                let mut byte = [0];
                self.stream.read_exact(&mut byte).await.unwrap();
                bytes.push(byte[0]);
            }
        };
        timeout(PATIENCE, read).await.expect("an answer comes");
        String::from_utf8(bytes).unwrap()
    }

    /// A command, and its answer.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.answers(1).await
    }

    /// What comes until the connection is closed.
    pub(crate) async fn until_closed(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.stream.read_to_end(&mut bytes);
        timeout(PATIENCE, read).await.expect("the connection is closed").unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn close(self) {}
}
