//! Job servers that are none: rubbish, a closed door, silence. The real one beside them is served.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gearman_testkit::Gearmand;

use crate::support::{Notes, Usage, client, everybody, farm, job, scale, timed};

/// A server that treats each connection in its way. Its thread ends with the test process.
struct Impostor {
    port: u16,
    /// When each worker process came, by PID.
    visits: Arc<Mutex<BTreeMap<String, Vec<Instant>>>>,
}

impl Impostor {
    /// `treat` gets each connection, once something was read from it.
    fn start(treat: fn(TcpStream)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits: Arc<Mutex<BTreeMap<String, Vec<Instant>>>> = Arc::default();
        let seen = Arc::clone(&visits);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut first = [0; 4096];
                    let n = stream.read(&mut first).unwrap_or(0);
                    let first = String::from_utf8_lossy(&first[..n]);
                    if let Some(id) = first.find("gd1/").map(|at| &first[at..]) {
                        let pid = id.split('/').nth(3).unwrap().to_owned();
                        seen.lock().unwrap().entry(pid).or_default().push(Instant::now());
                    }
                    treat(stream);
                });
            }
        });
        Self { port, visits }
    }

    /// The times between the visits of each worker process.
    fn gaps(&self) -> Vec<Vec<Duration>> {
        let visits = self.visits.lock().unwrap();
        visits.values().map(|times| times.windows(2).map(|pair| pair[1] - pair[0]).collect()).collect()
    }
}

const WATCHED: Duration = Duration::from_secs(3);

/// Runs a farm with the impostor first in its list for a while; gives its log and the gaps between visits.
fn beside_a_real_one(treat: fn(TcpStream)) -> (String, Vec<Vec<Duration>>, String) {
    let (impostor, gearmand, notes) = (Impostor::start(treat), Gearmand::start(), Notes::new());
    let address = format!("127.0.0.1:{}", impostor.port);
    let mut farm = farm(&format!("{address},{}", gearmand.address()), &notes, "--interval 0.5").start();
    scale(&farm, &gearmand, "echo", 2);
    let all = everybody(&farm);
    let usage = Usage::of(&all);
    let mut times = Vec::new();
    let mut real = client(&gearmand.address());
    while usage.wall() < WATCHED {
        let asked = Instant::now();
        assert_eq!(real.run(&job("echo"), "hello").unwrap(), b"hello");
        times.push(asked.elapsed());
        thread::sleep(Duration::from_millis(40));
    }
    let (used, wall) = usage.so_far();
    times.sort_unstable();
    println!(
        "median {:?}, worst {:?}; {used:?} of CPU in {wall:?}; gaps {:?}",
        times[times.len() / 2],
        times.last(),
        impostor.gaps()
    );
    assert!(times[times.len() / 2] < Duration::from_millis(50), "{times:?}");
    assert!(used < wall / 10, "{used:?} of CPU in {wall:?}");
    let row = farm.console().row(&job("echo"));
    assert_eq!(row.processes, 2);
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, took) = timed(|| farm.wait_exit());
    assert!(status.success());
    // 5 s for the fence, also where it stands behind a question that is not answered.
    assert!(took < Duration::from_secs(9), "{took:?}");
    (farm.log(), impostor.gaps(), address)
}

/// Each worker process comes again and again, ever more slowly, and not more slowly than once in 800 ms.
fn assert_growing(gaps: &[Vec<Duration>]) {
    assert_eq!(gaps.len(), 2, "two processes: {gaps:?}");
    for gaps in gaps {
        assert!(gaps.len() >= 4 && gaps.len() <= 16, "{gaps:?}");
        let late = &gaps[gaps.len() - 3..];
        assert!(gaps[0] < Duration::from_millis(400), "{gaps:?}");
        assert!(late.iter().all(|gap| *gap >= Duration::from_millis(390)), "{gaps:?}");
    }
    let mut pairs = gaps[0].iter().zip(&gaps[1]);
    assert!(pairs.any(|(a, b)| a.abs_diff(*b) > *a / 8), "each process has its own jitter: {gaps:?}");
}

/// How many lines of the log name the address and say that.
fn told(log: &str, address: &str, what: &str) -> usize {
    log.lines().filter(|line| line.contains(&format!("job server {address} {what}"))).count()
}

#[test]
fn rubbish_is_dropped_told_once_and_tried_again_ever_more_slowly() {
    let (log, gaps, address) = beside_a_real_one(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\nServer: none of yours\r\n\r\n\0\0\0");
        // Left open: the driver is to close it.
        let _ = stream.read(&mut [0; 16]);
        thread::sleep(Duration::from_secs(20));
    });
    assert_growing(&gaps);
    assert_eq!(told(&log, &address, "sent what is no Gearman"), 2, "once a process: {log}");
    assert_eq!(told(&log, &address, "is away"), 0, "{log}");
    assert_eq!(told(&log, &address, "can't be observed"), 1, "{log}");
}

#[test]
fn packets_that_are_well_formed_and_make_no_sense_are_rubbish_too() {
    let (log, gaps, address) = beside_a_real_one(|mut stream| {
        // A packet of four gigabytes.
        let _ = stream.write_all(b"\0RES\0\0\0\x06\xff\xff\xff\xff");
        thread::sleep(Duration::from_secs(20));
    });
    assert_growing(&gaps);
    assert_eq!(told(&log, &address, "sent what is no Gearman"), 2, "once a process: {log}");
}

#[test]
fn a_client_packet_is_rubbish_too() {
    let (log, gaps, address) = beside_a_real_one(|mut stream| {
        // WORK_COMPLETE, to a worker.
        let _ = stream.write_all(b"\0RES\0\0\0\x0d\0\0\0\x06H:x:1\0");
        thread::sleep(Duration::from_secs(20));
    });
    assert_growing(&gaps);
    assert_eq!(told(&log, &address, "sent what is no Gearman"), 2, "once a process: {log}");
}

#[test]
fn one_that_closes_at_once_is_tried_again_ever_more_slowly() {
    let (log, gaps, address) = beside_a_real_one(drop);
    assert_growing(&gaps);
    assert_eq!(told(&log, &address, "is away"), 2, "once a process: {log}");
    assert_eq!(told(&log, &address, "can't be observed"), 1, "{log}");
}

#[test]
fn one_that_never_answers_is_waited_for() {
    let (log, gaps, address) = beside_a_real_one(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    assert!(gaps.iter().all(Vec::is_empty), "one connection a process stays: {gaps:?}");
    assert_eq!(told(&log, &address, "can't be observed"), 1, "{log}");
}

#[test]
fn one_that_says_that_jobs_wait_and_grants_none_is_left_aside() {
    let (log, gaps, address) = beside_a_real_one(|mut stream| {
        let _ = stream.write_all(b"\0RES\0\0\0\x06\0\0\0\0");
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    assert!(gaps.iter().all(Vec::is_empty), "one connection a process stays: {gaps:?}");
    assert_eq!(told(&log, &address, "does not answer"), 2, "once a process: {log}");
}
