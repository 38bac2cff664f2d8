//! Bad input, bad manners and bounds over real sockets: the server goes on, others are served, and the log says what
//! happened.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use gearman_jobserver::{JobServer, Limits};
use gearman_protocol::{Client, Connection, JobAssignment, PacketType, Priority, ServerAddress, ServerList, request};
use gearman_testkit::eventually_or;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const PATIENCE: Duration = Duration::from_secs(20);

fn start(change: impl FnOnce(&mut Limits)) -> JobServer {
    keep_log();
    let mut limits = Limits::default();
    change(&mut limits);
    JobServer::start_with(([127, 0, 0, 1], 0), limits).unwrap()
}

fn connection(server: &JobServer) -> Connection {
    let address = ServerAddress::new("127.0.0.1", server.address().port());
    Connection::connect(&address, PATIENCE).unwrap()
}

fn receive(connection: &mut Connection) -> gearman_protocol::Packet {
    connection.receive(Instant::now() + PATIENCE).unwrap()
}

/// A worker that echoes runs beside, a client gets an answer.
fn others_are_served(server: &JobServer) {
    let mut worker = connection(server);
    let address = server.address().to_string();
    let client = thread::spawn(move || {
        let mut client = Client::new(ServerList::parse(&address).unwrap()).timeout(PATIENCE);
        assert_eq!(client.run("others", "served").unwrap(), b"served");
    });
    let mut out = Vec::new();
    request::can_do(&mut out, "others").unwrap();
    loop {
        request::grab_job(&mut out);
        request::pre_sleep(&mut out);
        worker.send(&out).unwrap();
        out.clear();
        let packet = receive(&mut worker);
        if let Ok(job) = JobAssignment::from_packet(packet) {
            request::work_complete(&mut out, job.handle(), job.workload()).unwrap();
            worker.send(&out).unwrap();
            break;
        }
    }
    client.join().unwrap();
}

#[test]
fn who_never_reads_is_closed_and_blocks_nobody() {
    let server = start(|limits| limits.output_bytes = 1 << 20);
    let mut deaf = TcpStream::connect(server.address()).unwrap();
    deaf.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut echo = Vec::new();
    request::echo_req(&mut echo, vec![b'x'; 256 << 10]).unwrap();
    // What fits into the kernel's buffers on both sides is far less than this.
    let ended = (0..400).find_map(|_| deaf.write_all(&echo).err());
    let kind = ended.map(|error| error.kind());
    assert!(matches!(kind, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{kind:?}");
    logged("it does not read");
    others_are_served(&server);
}

#[test]
fn a_slow_reader_gets_all_of_it_and_blocks_nobody() {
    let server = start(|_| {});
    let mut slow = TcpStream::connect(server.address()).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut echo = Vec::new();
    request::echo_req(&mut echo, vec![b'x'; 32 << 20]).unwrap();
    slow.write_all(&echo).unwrap();
    others_are_served(&server);
    let mut back = vec![0; echo.len()];
    slow.read_exact(&mut back).unwrap();
    assert_eq!(back[12..], echo[12..]);
}

#[test]
fn a_thousand_connections_that_say_nothing() {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // Both ends are in this process.
    setrlimit(Resource::RLIMIT_NOFILE, limit.1.min(4096), limit.1).unwrap();
    let server = start(|_| {});
    let silent: Vec<TcpStream> = (0..1000).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    others_are_served(&server);
    drop(silent);
    others_are_served(&server);
}

#[test]
fn a_connection_too_many_is_closed() {
    let server = start(|limits| limits.connections = 2);
    let (mut first, mut second) = (connection(&server), connection(&server));
    let mut echo = Vec::new();
    request::echo_req(&mut echo, "here").unwrap();
    for connection in [&mut first, &mut second] {
        connection.send(&echo).unwrap();
        assert_eq!(receive(connection).kind, PacketType::EchoRes);
    }
    let mut third = TcpStream::connect(server.address()).unwrap();
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(third.read(&mut [0]).unwrap(), 0);
    logged("there are 2 already");
    drop(first);
    // Its place is free as soon as its end has been seen.
    eventually_or(
        "a place for another connection",
        PATIENCE,
        || {
            let mut again = connection(&server);
            again.send(&echo).ok()?;
            again.receive(Instant::now() + PATIENCE).ok()
        },
        log_text,
    );
}

#[test]
fn jobs_over_the_memory_are_refused_until_some_are_done() {
    let server = start(|limits| limits.queue_bytes = 100_000);
    let mut both = connection(&server);
    let mut out = Vec::new();
    request::can_do(&mut out, "f").unwrap();
    let mut accepted = 0;
    let refusal = loop {
        request::submit(&mut out, Priority::Normal, true, "f", "", vec![b'w'; 10_000]).unwrap();
        both.send(&out).unwrap();
        out.clear();
        let packet = receive(&mut both);
        if packet.kind == PacketType::Error {
            break packet;
        }
        accepted += 1;
    };
    assert_eq!(accepted, 9);
    let text = String::from_utf8_lossy(&refusal.body);
    assert_eq!(
        text,
        "QUEUE_ERROR\0The job server's memory for jobs (100000 bytes) is full: try again when some are done"
    );
    request::grab_job(&mut out);
    both.send(&out).unwrap();
    let job = JobAssignment::from_packet(receive(&mut both)).unwrap();
    out.clear();
    request::work_complete(&mut out, job.handle(), "").unwrap();
    request::submit(&mut out, Priority::Normal, true, "f", "", "small").unwrap();
    both.send(&out).unwrap();
    assert_eq!(receive(&mut both).kind, PacketType::JobCreated);
}

#[test]
fn packets_that_are_none_close_their_connection_and_no_other() {
    let server = start(|limits| limits.packet_bytes = 1000);
    let faults: [(&[u8], &str); 6] = [
        (b"\0REQ\0\0\0\x63\0\0\0\0", "unknown Gearman packet type 99"),
        (b"\0FOO\0\0\0\x01\0\0\0\0", "expected a Gearman packet"),
        (b"\0REQ\0\0\0\x07\0\0\x10\0", "a SUBMIT_JOB packet of 4096 bytes is over the limit of 1000 bytes"),
        (b"\0REQ\0\0\0\x07\0\0\0\x01f", "a SUBMIT_JOB packet needs 3 arguments separated by NUL, but has 1"),
        (b"GET / HTTP/1.1 a b c d e f\r\n\r\n", "more than 7 words"),
        (&[b'x'; 9000], "a line of admin text is over 8192 bytes"),
    ];
    for (bytes, says) in faults {
        let mut bad = TcpStream::connect(server.address()).unwrap();
        bad.set_read_timeout(Some(PATIENCE)).unwrap();
        bad.write_all(bytes).unwrap();
        match bad.read(&mut [0]) {
            Ok(n) => assert_eq!(n, 0, "{says}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{says}"),
        }
        logged(says);
    }
    let mut half = TcpStream::connect(server.address()).unwrap();
    half.write_all(b"\0REQ\0\0\0\x07\0\0\0\x10f").unwrap();
    half.shutdown(Shutdown::Both).unwrap();
    logged("ended its connection within a packet");
    others_are_served(&server);
}

#[test]
fn a_worker_that_vanishes_is_told_in_the_log_and_its_job_done_by_another() {
    let server = start(|_| {});
    let mut client = connection(&server);
    let mut out = Vec::new();
    request::submit(&mut out, Priority::Normal, false, "others", "", "served").unwrap();
    client.send(&out).unwrap();
    assert_eq!(receive(&mut client).kind, PacketType::JobCreated);
    let mut worker = connection(&server);
    out.clear();
    request::set_client_id(&mut out, "the-one-that-vanishes").unwrap();
    request::can_do(&mut out, "others").unwrap();
    request::grab_job(&mut out);
    worker.send(&out).unwrap();
    assert_eq!(receive(&mut worker).kind, PacketType::JobAssign);
    drop(worker);
    logged("(the-one-that-vanishes) is gone in the middle of H:");

    let mut other = connection(&server);
    out.clear();
    request::can_do(&mut out, "others").unwrap();
    request::grab_job(&mut out);
    other.send(&out).unwrap();
    let job = JobAssignment::from_packet(receive(&mut other)).unwrap();
    out.clear();
    request::work_complete(&mut out, job.handle(), "done").unwrap();
    other.send(&out).unwrap();
    assert_eq!(receive(&mut client).kind, PacketType::WorkComplete);
}

#[test]
fn a_stop_closes_connections_and_frees_the_port() {
    let server = start(|_| {});
    let address = server.address();
    let mut open = TcpStream::connect(address).unwrap();
    open.set_read_timeout(Some(PATIENCE)).unwrap();
    open.write_all(b"version\n").unwrap();
    assert!(open.read(&mut [0; 100]).unwrap() > 0);
    server.stop();
    assert_eq!(open.read(&mut [0]).unwrap(), 0);
    assert!(TcpStream::connect(address).is_err());
    let again = JobServer::start(address).unwrap();
    assert_eq!(again.address(), address);
    assert_eq!(JobServer::start(address).unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn it_serves_on_a_runtime_that_is_there() {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(gearman_jobserver::serve(listener));
    let said = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"create function f\r\n").unwrap();
        let mut said = [0; 4];
        stream.read_exact(&mut said).unwrap();
        said
    });
    assert_eq!(&said.await.unwrap(), b"OK\r\n");
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    assert!(TcpStream::connect(address).is_err());
}

struct Log;

static LINES: Mutex<String> = Mutex::new(String::new());

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push_str(&format!("{} {}\n", record.level(), record.args()));
    }

    fn flush(&self) {}
}

fn keep_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Log).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
}

fn log_text() -> String {
    LINES.lock().unwrap().clone()
}

/// Waits for a line of the log that holds `text`.
fn logged(text: &str) {
    eventually_or(text, PATIENCE, || log_text().contains(text).then_some(()), log_text);
}
