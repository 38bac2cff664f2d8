//! What the console does with clients that ask too much, or nothing sensible.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use e2e::{Console, Farm};
use gearman_testkit::{Gearmand, eventually};

use crate::support::{SCALE, started};

fn connect(farm: &Farm) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", farm.console_port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends `bytes`, and gives what comes until the driver closes.
fn until_closed(farm: &Farm, bytes: &[u8]) -> String {
    let mut stream = connect(farm);
    // The driver may close before it has taken all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}, after {answer:?}"),
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn lines_are_bounded_and_http_is_not_spoken() {
    let server = Gearmand::start();
    let farm = started(&server, "--interval 0");
    let line = |length| format!("{}\n", "x".repeat(length)).into_bytes();
    assert_eq!(until_closed(&farm, &line(8 * 1024 + 1)), "ERR line_too_long\r\n.\r\n");
    assert_eq!(until_closed(&farm, &vec![b'x'; 1 << 20]), "ERR line_too_long\r\n.\r\n");
    let mut longest = line(8 * 1024);
    longest.extend(b"quit\n");
    assert_eq!(until_closed(&farm, &longest), format!("ERR unknown_command: {}\r\n.\r\n", "x".repeat(512)));
    for request in
        ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\nshutdown\r\n", "POST /shutdown HTTP/1.1\r\n\r\nshutdown\n"]
    {
        assert_eq!(until_closed(&farm, request.as_bytes()), "", "{request}");
    }
    assert_eq!(until_closed(&farm, b"\xff\x00\x80\nquit\n"), "ERR unknown_command: \u{fffd}\\x00\u{fffd}\r\n.\r\n");
    assert_eq!(until_closed(&farm, b"\0\0\0\0RES\nlist\nquit\n").matches("\r\n.\r\n").count(), 2);
    assert_eq!(farm.console().row(SCALE).processes, 1);
}

#[test]
fn the_65th_connection_is_refused_until_another_is_closed() {
    let server = Gearmand::start();
    let farm = started(&server, "--interval 0");
    let mut clients: Vec<Console> = Vec::new();
    // The one by which the farm saw that the driver was up may not be closed yet on its side.
    eventually("64 clients are connected", Duration::from_secs(30), || {
        let mut console = Console::connect(farm.console_port()).unwrap();
        if console.try_ask("version").is_ok_and(|answer| answer[0].starts_with("gearman-driver")) {
            clients.push(console);
        }
        (clients.len() == 64).then_some(())
    });
    assert_eq!(until_closed(&farm, b""), "ERR too_many_connections\r\n.\r\n");
    for client in &mut clients {
        assert_eq!(client.ask("list").len(), 4);
    }
    clients.pop();
    eventually("there is a place again", Duration::from_secs(30), || {
        let answer = Console::connect(farm.console_port()).unwrap().try_ask("version").ok()?;
        answer[0].starts_with("gearman-driver").then_some(())
    });
}

#[test]
fn a_client_that_never_reads_holds_nobody_up() {
    let server = Gearmand::start();
    let mut farm = started(&server, "--interval 0");
    let mut deaf = connect(&farm);
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let commands = "help\n".repeat(10_000);
    // Until the driver no longer takes anything from it: its answers are not read.
    let stuck = (0..1000).find_map(|_| deaf.write_all(commands.as_bytes()).err()).expect("it is not read for ever");
    assert!(matches!(stuck.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stuck}");
    let mut console = farm.console();
    for _ in 0..100 {
        let asked = Instant::now();
        assert_eq!(console.ask("status").len(), 4);
        assert!(asked.elapsed() < Duration::from_secs(1), "answered after {:?}", asked.elapsed());
    }
    assert_eq!(console.ask("shutdown"), ["OK"]);
    assert_eq!(farm.wait_exit().code(), Some(0));
    drop(deaf);
}

#[test]
fn connections_are_kept_alive() {
    let server = Gearmand::start();
    let farm = started(&server, "--interval 0");
    let client = connect(&farm);
    let end = |port: u16| format!("0100007F:{port:04X}");
    let (ours, theirs) = (end(farm.console_port()), end(client.local_addr().unwrap().port()));
    // The timer of the driver's end of the connection: 02 is keep-alive.
    eventually("the keep-alive timer runs", Duration::from_secs(10), || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let socket = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let socket = socket.into_iter().find(|fields| fields[1] == ours && fields[2] == theirs)?;
        socket[5].starts_with("02:").then_some(())
    });
}
