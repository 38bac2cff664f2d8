//! The admin text of a real gearmand.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{SOON, TinyWorker, address, echo};
use gearman_protocol::{AdminLine, AdminReader, Connection, StatusRow, WorkersRow, request};
use gearman_testkit::{Gearmand, eventually};

/// Two answers over one connection, read in small pieces.
#[test]
fn status_and_workers_over_one_connection() {
    let gearmand = Gearmand::start();
    let _worker = TinyWorker::start(&gearmand, "my::One::ping", echo);
    let mut named = Connection::connect(&address(&gearmand), SOON).unwrap();
    let mut out = Vec::new();
    request::set_client_id(&mut out, "an id with : spaces").unwrap();
    request::can_do(&mut out, "a").unwrap();
    request::can_do(&mut out, "b").unwrap();
    request::submit_job_bg(&mut out, "b", "", "").unwrap();
    request::echo_req(&mut out, "").unwrap();
    named.send(&out).unwrap();
    eventually("all three functions", SOON, || (gearmand.status().len() == 3).then_some(()));

    let mut stream = TcpStream::connect(gearmand.address()).unwrap();
    stream.write_all(b"status\nworkers\n").unwrap();
    let mut reader = AdminReader::new(100_000);
    let mut answers = vec![Vec::new()];
    while answers.len() < 3 {
        match reader.next_line().unwrap() {
            Some(AdminLine::Row(line)) => answers.last_mut().unwrap().push(line),
            Some(AdminLine::End) => answers.push(Vec::new()),
            None => {
                let mut piece = [0; 7];
                let n = stream.read(&mut piece).unwrap();
                assert_ne!(n, 0);
                reader.push(&piece[..n]);
            }
        }
    }
    let mut status: Vec<_> = answers[0].iter().map(|line| StatusRow::parse(line).unwrap()).collect();
    status.sort_by(|a, b| a.function.cmp(&b.function));
    let row = |function: &str, total: u64| StatusRow::parse(&format!("{function}\t{total}\t0\t1")).unwrap();
    assert_eq!(status, [row("a", 0), row("b", 1), row("my::One::ping", 0)]);

    let workers: Vec<_> = answers[1].iter().map(|line| WorkersRow::parse(line).unwrap()).collect();
    let of = |id: &str| workers.iter().find(|row| row.client_id == id).map(|row| row.functions.clone()).unwrap();
    assert_eq!(of("tiny"), ["my::One::ping"]);
    let mut functions = of("an id with : spaces");
    functions.sort();
    assert_eq!(functions, ["a", "b"]);
    assert!(of("-").is_empty(), "the asking connection itself");
    assert!(workers.iter().all(|row| row.address == "127.0.0.1"));
}
