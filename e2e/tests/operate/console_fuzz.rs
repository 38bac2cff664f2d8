//! Rubbish for the console of a running driver: random lines, cut anywhere. It answers each, goes on, and keeps nothing.
//!
//! 20,000 lines here; more by hand: `CONSOLE_LINES=1000000 CONSOLE_SEED=2 cargo nextest run -p e2e rubbish`.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::Chance;
use e2e::Farm;
use gearman_testkit::Gearmand;

use crate::support::{CONVERT, SCALE, started};

/// Lines that are sent before any is read: as many as the sockets' buffers hold with their answers, at the least.
const BATCH: usize = 20;

/// All commands but `shutdown`; those that take long (a reload loads a host) come seldom.
const COMMANDS: [&str; 18] = [
    "status",
    "show",
    "list",
    "help",
    "version",
    "ps",
    "snapshot",
    "kill",
    "stop",
    "kill_now",
    "killall",
    "restart",
    "set_min_processes",
    "set_max_processes",
    "set_processes",
    "set_loglevel",
    "save",
    "quit",
];

const ARGUMENTS: [&str; 20] = [
    SCALE,
    CONVERT,
    "no_such_job",
    "*",
    "",
    "-1",
    "0",
    "1",
    "2",
    "3",
    "65536",
    "99999999999999999999999",
    "0x1",
    "+2",
    "INFO",
    "TRACE",
    "loud",
    "\u{202e}\u{9b}",
    "GET / HTTP/1.1",
    "status",
];

fn random_bytes(chance: &mut Chance, most: u64) -> Vec<u8> {
    let length = chance.below(most);
    (0..length).map(|_| chance.below(256) as u8).collect()
}

/// A line with its end: a command, nonsense, or one made into the other.
fn line(chance: &mut Chance) -> Vec<u8> {
    let mut line = Vec::new();
    if !chance.hits(100) {
        let command = if chance.hits(1) && chance.hits(50) { "reload" } else { chance.pick(&COMMANDS).unwrap() };
        line.extend_from_slice(command.as_bytes());
        for _ in 0..chance.below(4) {
            line.extend_from_slice(chance.pick(&[" ", "  ", "\t"]).unwrap().as_bytes());
            match chance.below(12) {
                0 => line.extend_from_slice(chance.below(70_000).to_string().as_bytes()),
                1 => line.extend(random_bytes(chance, 20)),
                _ => line.extend_from_slice(chance.pick(&ARGUMENTS).unwrap().as_bytes()),
            }
        }
    }
    if chance.hits(150) || line.is_empty() {
        let at = chance.below(line.len() as u64 + 1) as usize;
        line.splice(at..at, random_bytes(chance, 60));
    }
    if chance.hits(50) {
        line.truncate(chance.below(line.len() as u64 + 1) as usize);
    }
    if chance.hits(1) {
        // Around the longest that is taken.
        line.resize(8180 + chance.below(24) as usize, b'x');
    }
    line.retain(|byte| *byte != b'\n');
    if does_harm(&line) {
        line = b"status".to_vec();
    }
    line.extend_from_slice(if chance.hits(500) { b"\r\n" } else { b"\n" });
    line
}

/// The words of a line as the console, and Perl, splits it: at vertical tabs too.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_ascii_whitespace() || c == '\x0b').filter(|word| !word.is_empty())
}

/// It would end the driver, or start more processes than this machine should have.
fn does_harm(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let mut words = words(&text);
    match words.next() {
        Some("shutdown") => true,
        Some(command) if command.starts_with("set_") => words.any(|word| word.parse().is_ok_and(|n: u32| n > 3)),
        _ => false,
    }
}

/// How a batch of lines ended.
enum End {
    /// So many answers.
    Answered,
    /// The driver closed the connection, after so many.
    Closed(usize),
}

/// Sends lines, cut into packets anywhere, and reads until all are answered or the connection is closed.
fn exchange(stream: &mut TcpStream, lines: &[Vec<u8>], chance: &mut Chance) -> End {
    let bytes = lines.concat();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let cut = if chance.hits(900) { rest.len() } else { 1 + chance.below(rest.len() as u64) as usize };
        if stream.write_all(&rest[..cut]).is_err() {
            // Closed: what was answered before can still be read.
            break;
        }
        rest = &rest[cut..];
    }
    let (mut answers, mut line, mut packet) = (0, Vec::new(), [0; 16 << 10]);
    loop {
        match stream.read(&mut packet) {
            Ok(0) => return End::Closed(answers),
            Ok(n) => {
                for &byte in &packet[..n] {
                    line.push(byte);
                    if byte == b'\n' {
                        assert!(line.ends_with(b"\r\n") && std::str::from_utf8(&line).is_ok(), "{line:?}");
                        answers += usize::from(line == b".\r\n");
                        line.clear();
                    }
                }
                if answers == lines.len() {
                    assert!(line.is_empty(), "more than was asked for: {line:?}");
                    return End::Answered;
                }
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return End::Closed(answers),
            Err(error) => panic!("{error}; {answers} of {} answers to {lines:?}", lines.len()),
        }
    }
}

fn is_too_long(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    text.strip_suffix(b"\r").unwrap_or(text).len() > 8 << 10
}

/// Why the driver may close the connection at one of these lines.
fn may_close(lines: &[Vec<u8>], answered: usize, first: bool) -> bool {
    let said = |line: &Vec<u8>| String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_owned();
    // After the answer to one that is too long; without an answer to `quit` and to what looks like HTTP.
    let too_long = |at: usize| lines.get(at).is_some_and(|line| is_too_long(line));
    let quits = |at: usize| lines.get(at).is_some_and(|line| words(&said(line)).next() == Some("quit"));
    let http = first && answered == 0;
    quits(answered) || http || too_long(answered) || answered.checked_sub(1).is_some_and(too_long)
}

/// The supervisor's resident memory without the pages of files, in KiB.
fn memory(farm: &Farm) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", farm.pid())).unwrap();
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    anonymous.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_live_console_answers_all_rubbish_and_keeps_none() {
    let number = |name, default| std::env::var(name).map_or(default, |value| value.parse().unwrap());
    let (wanted, seed) = (number("CONSOLE_LINES", 20_000), number("CONSOLE_SEED", 1));
    let server = Gearmand::start();
    let mut farm = started(&server, "--interval 0.5 --loglevel ERROR");
    let mut chance = Chance::of(seed);
    let (mut sent, mut connections, start) = (0_u64, 0_u64, Instant::now());
    let mut early = None;
    while sent < wanted {
        let mut stream = TcpStream::connect(("127.0.0.1", farm.console_port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        connections += 1;
        let mut first = true;
        loop {
            let lines: Vec<_> = (0..1 + chance.below(BATCH as u64)).map(|_| line(&mut chance)).collect();
            sent += lines.len() as u64;
            match exchange(&mut stream, &lines, &mut chance) {
                // It has been told, and the connection is being closed.
                End::Answered if lines.last().is_some_and(|line| is_too_long(line)) => break,
                End::Answered => {}
                End::Closed(answered) => {
                    assert!(may_close(&lines, answered, first), "closed after {answered} answers to {lines:?}");
                    break;
                }
            }
            first = false;
            // Or leaves by itself, in the middle of a line.
            if sent >= wanted || chance.hits(20) {
                let _ = stream.write_all(&random_bytes(&mut chance, 30));
                break;
            }
        }
        if early.is_none() && sent >= wanted / 10 {
            early = Some(memory(&farm));
        }
    }
    let (early, late) = (early.unwrap(), memory(&farm));
    println!(
        "seed {seed}: {sent} lines over {connections} connections in {:.1?}; RssAnon {early} KiB after a tenth, \
         {late} KiB at the end; log {} KiB",
        start.elapsed(),
        farm.log().len() >> 10
    );
    assert!(late <= early + 1024, "{early} KiB, then {late} KiB");
    let mut console = farm.console();
    assert_eq!(console.ask(&format!("set_processes {SCALE} 1 2")), ["OK"]);
    farm.wait("the job has a process", || {
        let row = farm.console().row(SCALE);
        ((row.min, row.max) == (1, 2) && (1..=2).contains(&row.processes)).then_some(())
    });
    assert!(!farm.log().contains("panicked") && !farm.stderr().contains("panicked"), "{}", farm.state());
    farm.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(farm.wait_exit().success());
}
