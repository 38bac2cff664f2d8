//! A tiny worker for these tests, built from [`Connection`].

use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gearman_protocol::{Connection, ConnectionError, JobAssignment, PacketType, ServerAddress, ServerList, request};
use gearman_testkit::Gearmand;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Performs one function in a thread of its own until it is dropped.
pub(crate) struct TinyWorker {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl TinyWorker {
    /// Registered when it returns. `answer` appends what is to be sent for a job.
    pub(crate) fn start(
        gearmand: &Gearmand,
        function: &str,
        mut answer: impl FnMut(&JobAssignment, &mut Vec<u8>) + Send + 'static,
    ) -> Self {
        let mut connection = Connection::connect(&address(gearmand), SOON).unwrap();
        let stream = connection.stream().try_clone().unwrap();
        let mut out = Vec::new();
        request::set_client_id(&mut out, "tiny").unwrap();
        request::can_do(&mut out, function).unwrap();
        request::echo_req(&mut out, "registered").unwrap();
        connection.send(&out).unwrap();
        assert_eq!(connection.receive(None).unwrap().kind, PacketType::EchoRes);
        let mut work = move || -> Result<(), ConnectionError> {
            let mut out = Vec::new();
            loop {
                request::grab_job_uniq(&mut out);
                connection.send(&out)?;
                out.clear();
                loop {
                    let packet = connection.receive(None)?;
                    match packet.kind {
                        PacketType::NoJob => {
                            request::pre_sleep(&mut out);
                            connection.send(&out)?;
                            out.clear();
                        }
                        PacketType::Noop => break,
                        PacketType::JobAssignUniq => {
                            answer(&JobAssignment::from_packet(packet).unwrap(), &mut out);
                            break;
                        }
                        other => panic!("{other} to a worker"),
                    }
                }
            }
        };
        let thread = thread::spawn(move || {
            // It ends when the connection does: dropped here, or with its gearmand.
            let _ = work();
        });
        Self { stream, thread: Some(thread) }
    }
}

impl Drop for TinyWorker {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let worker = self.thread.take().unwrap().join();
        if !thread::panicking() {
            worker.expect("the worker did not panic");
        }
    }
}

pub(crate) fn address(gearmand: &Gearmand) -> ServerAddress {
    gearmand.address().parse().unwrap()
}

pub(crate) fn servers(gearmands: &[&Gearmand]) -> ServerList {
    let list: Vec<_> = gearmands.iter().map(|gearmand| gearmand.address()).collect();
    ServerList::parse(&list.join(",")).unwrap()
}

/// Sends the workload back.
pub(crate) fn echo(job: &JobAssignment, out: &mut Vec<u8>) {
    request::work_complete(out, job.handle(), job.workload()).unwrap();
}
