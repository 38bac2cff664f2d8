//! What an asynchronous job uses to have other jobs done.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use gearman_protocol::client::{Attempt, Submission, Submitted};
use gearman_protocol::connection::prepare;
use gearman_protocol::{ClientError, Decoder, Packet, PacketType, Priority, ServerAddress, ServerList, request};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::JobError;

/// How long one job server may take to accept a connection and give a first sign of life.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections that a process keeps.
const KEPT: usize = 16;
/// As large as the protocol allows: memory follows what arrives, not what a header says.
const PACKET_LIMIT: usize = u32::MAX as usize;

thread_local! {
    /// Idle connections by server list (in a worker process there is one list).
    static IDLE: RefCell<HashMap<String, Vec<Connection>>> = RefCell::default();
}

/// An asynchronous client of the driver's job servers, from [`Job::client_async`](super::Job::client_async). It connects
/// when first used. Each call uses a connection of its own for as long as it takes, so that the jobs of a process do not
/// wait for each other; idle ones are kept. With several job servers the first that can be used is used.
///
/// A call that is dropped gives up its job: the job server forgets it if nobody runs it yet.
#[derive(Debug, Clone)]
pub struct AsyncJobClient {
    servers: String,
}

impl AsyncJobClient {
    pub(crate) fn new(servers: &str) -> Self {
        Self { servers: servers.to_owned() }
    }

    /// Runs a job and waits for its result.
    ///
    /// # Errors
    /// [`JobError::Client`] when no job server can be used or the job fails, [`JobError::Servers`] when the driver's list
    /// of job servers is not one.
    pub async fn run(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<Vec<u8>, JobError> {
        Ok(self.submit(function, workload.as_ref(), Submission::foreground(), false).await?.result)
    }

    /// Submits a job that nobody waits for, and returns its handle.
    ///
    /// # Errors
    /// [`JobError::Client`] when no job server takes it, [`JobError::Servers`] when the driver's list of job servers is
    /// not one.
    pub async fn submit_background(&self, function: &str, workload: impl AsRef<[u8]>) -> Result<String, JobError> {
        Ok(self.submit(function, workload.as_ref(), Submission::background(), true).await?.handle)
    }

    async fn submit(
        &self,
        function: &str,
        workload: &[u8],
        submission: Submission,
        background: bool,
    ) -> Result<Submitted, JobError> {
        let mut bytes = Vec::new();
        let written = request::submit(&mut bytes, Priority::Normal, background, function, "", workload);
        let submitted = match written {
            Ok(()) => {
                let servers = ServerList::parse(&self.servers)
                    .map_err(|source| JobError::Servers { servers: self.servers.clone(), source })?;
                self.submit_bytes(&servers, bytes, submission).await
            }
            Err(error) => Err(error.into()),
        };
        submitted.map_err(|source| JobError::Client { function: function.to_owned(), source })
    }

    async fn submit_bytes(
        &self,
        servers: &ServerList,
        bytes: Vec<u8>,
        mut submission: Submission,
    ) -> Result<Submitted, ClientError> {
        let mut connection = self.send(servers, &bytes).await?;
        // A large workload need not be held while its job runs.
        drop(bytes);
        loop {
            match submission.take(connection.receive().await?, |_| ()) {
                Ok(None) => {}
                Ok(Some(submitted)) => {
                    self.keep(connection);
                    return Ok(submitted);
                }
                Err(error) => {
                    // After these, the connection has answered all that was asked.
                    if matches!(error, ClientError::Failed { .. } | ClientError::Exception { .. }) {
                        self.keep(connection);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Sends a request over an idle connection, else over a new one to the first job server that takes it whole.
    async fn send(&self, servers: &ServerList, bytes: &[u8]) -> Result<Connection, ClientError> {
        while let Some(mut connection) = self.idle() {
            // What could not be sent whole can't have been taken for a request: it may go over a new connection.
            if connection.is_idle() && connection.stream.write_all(bytes).await.is_ok() {
                return Ok(connection);
            }
        }
        let mut tried = Vec::new();
        for server in servers {
            let opened = match timeout(CONNECT_TIMEOUT, Connection::open(server)).await {
                Ok(Ok(mut connection)) => match connection.stream.write_all(bytes).await {
                    Ok(()) => return Ok(connection),
                    Err(error) => error.to_string(),
                },
                Ok(Err(ClientError::Io { source, .. })) => source.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer in time".to_owned(),
            };
            tried.push(Attempt { server: server.clone(), reason: opened });
        }
        Err(ClientError::NoServer { tried })
    }

    fn idle(&self) -> Option<Connection> {
        IDLE.with_borrow_mut(|idle| idle.get_mut(&self.servers)?.pop())
    }

    fn keep(&self, connection: Connection) {
        IDLE.with_borrow_mut(|idle| {
            let idle = idle.entry(self.servers.clone()).or_default();
            if idle.len() < KEPT {
                idle.push(connection);
            }
        });
    }
}

struct Connection {
    server: ServerAddress,
    stream: TcpStream,
    decoder: Decoder,
}

impl Connection {
    /// Connects, and waits for a sign of life: a frozen job server's kernel goes on accepting connections, and a request
    /// sent there could not be sent elsewhere any more.
    async fn open(server: &ServerAddress) -> Result<Self, ClientError> {
        let io = |source| ClientError::Io { server: server.clone(), source };
        let stream = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(io)?;
        prepare(&stream).map_err(io)?;
        let mut connection = Self { server: server.clone(), stream, decoder: Decoder::new(PACKET_LIMIT) };
        let mut hello = Vec::new();
        request::option_req(&mut hello, "exceptions")?;
        request::echo_req(&mut hello, "hello")?;
        connection.stream.write_all(&hello).await.map_err(io)?;
        while connection.receive().await?.kind != PacketType::EchoRes {}
        Ok(connection)
    }

    async fn receive(&mut self) -> Result<Packet, ClientError> {
        loop {
            if let Some(packet) = self.decoder.next_packet()? {
                return Ok(packet);
            }
            let n = self.stream.read(self.decoder.space()).await;
            let source = match n {
                Ok(0) => io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"),
                Ok(n) => {
                    self.decoder.filled(n);
                    continue;
                }
                Err(error) => error,
            };
            return Err(ClientError::Io { server: self.server.clone(), source });
        }
    }

    /// Whether it is open, with nothing received that waits to be read: fit for a new request.
    fn is_idle(&self) -> bool {
        // Past tokio, which knows of the connection's end only when its reactor has looked.
        let peeked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        !self.decoder.holds_bytes() && peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

#[cfg(test)]
mod tests {
    use gearman_testkit::Gearmand;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn connections_are_used_again_and_a_stopped_server_is_seen() {
        let mut gearmand = Gearmand::start();
        runtime().block_on(async {
            let client = AsyncJobClient::new(&gearmand.address());
            for _ in 0..3 {
                let handle = client.submit_background("later", "x").await.unwrap();
                assert!(handle.starts_with("H:"), "{handle}");
            }
            let kept = IDLE.with_borrow(|idle| idle[&gearmand.address()].len());
            assert_eq!(kept, 1);
            gearmand.stop();
            gearmand.start_again();
            client.submit_background("later", "x").await.unwrap();
        });
        IDLE.with_borrow_mut(HashMap::clear);
    }

    #[test]
    fn what_cannot_be_used_says_so() {
        runtime().block_on(async {
            let error = AsyncJobClient::new("a:b:c:").run("f", "").await.unwrap_err();
            assert!(matches!(error, JobError::Servers { .. }), "{error}");
            let error = AsyncJobClient::new("127.0.0.1:1").run("f", "").await.unwrap_err().to_string();
            assert!(error.starts_with("function f: no job server can be used: 127.0.0.1:1"), "{error}");
            let error = AsyncJobClient::new("127.0.0.1:1").run("f\0", "").await.unwrap_err().to_string();
            assert!(error.starts_with("function f\0: Gearman protocol: argument 1"), "{error}");
        });
    }
}
