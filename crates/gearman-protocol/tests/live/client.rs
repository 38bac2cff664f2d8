//! The client against a real gearmand.

use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{SOON, TinyWorker, echo, servers};
use gearman_protocol::{Client, ClientError, JobEvent, PacketError, Priority, ServerList, request};
use gearman_testkit::{Gearmand, eventually, eventually_or, free_port};

fn client(gearmand: &Gearmand) -> Client {
    Client::new(servers(&[gearmand])).timeout(SOON)
}

#[test]
fn runs_a_job_and_another() {
    let gearmand = Gearmand::start();
    let _worker = TinyWorker::start(&gearmand, "reverse", |job, out| {
        let reversed: Vec<u8> = job.workload().iter().rev().copied().collect();
        request::work_complete(out, job.handle(), reversed).unwrap();
    });
    let mut client = client(&gearmand);
    assert_eq!(client.run("reverse", "Hello").unwrap(), b"olleH");
    assert_eq!(client.run("reverse", "abc").unwrap(), b"cba");
}

#[test]
fn workloads_come_through_unchanged() {
    let gearmand = Gearmand::start();
    let _worker = TinyWorker::start(&gearmand, "echo", echo);
    let mut client = client(&gearmand);
    assert_eq!(client.run("echo", b"").unwrap(), b"");
    assert_eq!(client.run("echo", b"\0").unwrap(), b"\0");
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert_eq!(client.run("echo", &binary).unwrap(), binary);
    let large: Vec<u8> = (0_u32..16 << 20).flat_map(u32::to_le_bytes).collect();
    assert_eq!(large.len(), 64 << 20);
    // Not assert_eq: it would print both.
    assert!(client.run("echo", &large).unwrap() == large);
    assert_eq!(client.run("echo", b"small again").unwrap(), b"small again");
}

#[test]
fn tells_what_is_heard_of_a_job() {
    let gearmand = Gearmand::start();
    let _worker = TinyWorker::start(&gearmand, "talk", |job, out| {
        assert_eq!(job.unique_text().as_deref(), Some("the unique"));
        let handle = job.handle();
        request::work_data(out, handle, "part").unwrap();
        request::work_status(out, handle, 1, 3).unwrap();
        request::work_warning(out, handle, "beware").unwrap();
        request::work_complete(out, handle, "whole").unwrap();
    });
    let mut heard = Vec::new();
    let result = client(&gearmand).run_with("talk", "", "the unique", Priority::High, |event| {
        heard.push(match event {
            JobEvent::Created(handle) => handle.chars().take(2).collect(),
            JobEvent::Data(data) => format!("data {}", String::from_utf8_lossy(data)),
            JobEvent::Warning(warning) => format!("warning {}", String::from_utf8_lossy(warning)),
            JobEvent::Status { numerator, denominator } => format!("{numerator} of {denominator}"),
            other => format!("{other:?}"),
        });
    });
    assert_eq!(result.unwrap(), b"whole");
    assert_eq!(heard, ["H:", "data part", "1 of 3", "warning beware"]);
}

#[test]
fn a_background_job_is_queued_known_and_done() {
    let gearmand = Gearmand::start();
    let mut client = client(&gearmand);
    let handle = client.submit_background("later", "workload").unwrap();
    let status = client.job_status(&handle).unwrap();
    assert!(status.known && !status.running, "{status:?}");
    assert!(!client.job_status("H:nowhere:1").unwrap().known);
    assert_eq!(gearmand.status_of("later").map(|row| row.total), Some(1));

    let (sender, workloads) = mpsc::channel();
    let _worker = TinyWorker::start(&gearmand, "later", move |job, out| {
        sender.send((job.handle_text().into_owned(), job.workload().to_vec())).unwrap();
        echo(job, out);
    });
    assert_eq!(workloads.recv_timeout(SOON).unwrap(), (handle.clone(), b"workload".to_vec()));
    eventually_or(
        "the job's end",
        SOON,
        || (!client.job_status(&handle).unwrap().known).then_some(()),
        || format!("{:?}", gearmand.status()),
    );
}

#[test]
fn jobs_are_taken_by_priority_and_uniques_become_one() {
    let gearmand = Gearmand::start();
    let mut client = client(&gearmand);
    client.submit_background_with("order", "low", "", Priority::Low).unwrap();
    client.submit_background_with("order", "normal", "", Priority::Normal).unwrap();
    let first = client.submit_background_with("order", "once", "the same", Priority::Normal).unwrap();
    let second = client.submit_background_with("order", "twice", "the same", Priority::Normal).unwrap();
    client.submit_background_with("order", "high", "", Priority::High).unwrap();
    assert_eq!(first, second);

    let (sender, workloads) = mpsc::channel();
    let _worker = TinyWorker::start(&gearmand, "order", move |job, out| {
        sender.send(String::from_utf8(job.workload().to_vec()).unwrap()).unwrap();
        echo(job, out);
    });
    let taken: Vec<_> = (0..4).map(|_| workloads.recv_timeout(SOON).unwrap()).collect();
    assert_eq!(taken, ["high", "normal", "once", "low"]);
    eventually("an empty queue", SOON, || (gearmand.status_of("order")?.total == 0).then_some(()));
}

#[test]
fn a_job_for_later_waits() {
    let gearmand = Gearmand::start();
    let (sender, workloads) = mpsc::channel();
    let _worker = TinyWorker::start(&gearmand, "epoch", move |job, out| {
        sender.send(job.workload().to_vec()).unwrap();
        echo(job, out);
    });
    let mut client = client(&gearmand);
    let in_an_hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600;
    client.submit_at("epoch", "later", "later", in_an_hour).unwrap();
    client.submit_at("epoch", "now", "now", 1).unwrap();
    assert_eq!(workloads.recv_timeout(SOON).unwrap(), b"now");
    eventually("only the later job", SOON, || (gearmand.status_of("epoch")?.total == 1).then_some(()));
    assert!(workloads.try_recv().is_err());
}

#[test]
fn a_failed_job_brings_its_warnings() {
    let gearmand = Gearmand::start();
    let _worker = TinyWorker::start(&gearmand, "fail", |job, out| {
        for number in 0..100 {
            request::work_warning(out, job.handle(), format!("warning {number}")).unwrap();
        }
        request::work_fail(out, job.handle()).unwrap();
    });
    let mut client = client(&gearmand);
    let error = client.run("fail", "").unwrap_err();
    let ClientError::Failed { handle, warnings } = &error else { panic!("{error}") };
    assert_eq!(warnings.len(), 64);
    assert_eq!(error.to_string(), format!("job {handle} failed: warning 99"));
    assert!(matches!(client.run("fail", ""), Err(ClientError::Failed { .. })), "the connection is still good");
}

#[test]
fn an_exception_comes_with_its_message_only_where_asked_for() {
    let gearmand = Gearmand::start();
    let _worker = TinyWorker::start(&gearmand, "throw", |job, out| {
        request::work_exception(out, job.handle(), "out of paper").unwrap();
    });
    let error = client(&gearmand).exceptions(true).run("throw", "").unwrap_err();
    assert!(matches!(&error, ClientError::Exception { message, .. } if message == "out of paper"), "{error}");
    assert!(error.to_string().ends_with(" failed: out of paper"));

    // gearmand 1.1.20 sends the handle with a trailing NUL here.
    let mut plain = client(&gearmand);
    for _ in 0..2 {
        let error = plain.run("throw", "").unwrap_err();
        assert!(matches!(&error, ClientError::Failed { handle, .. } if !handle.contains('\0')), "{error:?}");
    }
}

#[test]
fn a_server_that_is_away_is_passed_over() {
    let (mut first, second) = (Gearmand::start(), Gearmand::start());
    let worker = TinyWorker::start(&second, "echo", echo);
    let mut client = Client::new(servers(&[&first, &second])).timeout(SOON);
    assert_eq!(client.submit_background("nobody", "").map(|_| client.server().port).unwrap(), first.port());
    first.stop();
    // The connection that it kept is dead: it finds out, and goes on.
    assert_eq!(client.run("echo", "a").unwrap(), b"a");
    assert_eq!(client.server().port, second.port());
    // It remembers which one works, and comes back when that one is away.
    first.start_again();
    assert_eq!(client.run("echo", "b").unwrap(), b"b");
    drop(worker);
    drop(second);
    client.submit_background("nobody", "").unwrap();
    assert_eq!(client.server().port, first.port());
}

#[test]
fn a_frozen_server_is_passed_over_too() {
    let (first, second) = (Gearmand::start(), Gearmand::start());
    let _worker = TinyWorker::start(&second, "echo", echo);
    first.freeze();
    let mut client = Client::new(servers(&[&first, &second])).connect_timeout(Duration::from_secs(1)).timeout(SOON);
    assert_eq!(client.run("echo", "a").unwrap(), b"a");
}

#[test]
fn no_server_at_all_names_them_all() {
    let (a, b) = (free_port(), free_port());
    let list = ServerList::parse(&format!("127.0.0.1:{a},127.0.0.1:{b}")).unwrap();
    let error = Client::new(list).run("echo", "").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no job server can be used: 127.0.0.1:{a} (Connection refused (os error 111)), \
             127.0.0.1:{b} (Connection refused (os error 111)); is gearmand running there?"
        )
    );
}

#[test]
fn a_server_that_restarts_is_connected_again() {
    let mut gearmand = Gearmand::start();
    let mut client = client(&gearmand);
    client.submit_background("f", "").unwrap();
    gearmand.stop();
    assert!(matches!(client.submit_background("f", ""), Err(ClientError::NoServer { .. })));
    gearmand.start_again();
    client.submit_background("f", "").unwrap();
}

#[test]
fn a_result_that_does_not_come_times_out() {
    let gearmand = Gearmand::start();
    let mut client = Client::new(servers(&[&gearmand])).timeout(Duration::from_millis(100));
    let start = Instant::now();
    assert!(matches!(client.run("nobody", ""), Err(ClientError::TimedOut)));
    assert!(start.elapsed() >= Duration::from_millis(100));
    // The late answers of the old connection can't disturb the next call.
    client = client.timeout(SOON);
    client.submit_background("nobody", "").unwrap();
    gearmand.freeze();
    client = client.timeout(Duration::from_millis(100));
    let result = client.submit_background("nobody", "");
    assert!(matches!(result, Err(ClientError::TimedOut)), "{result:?}");
}

#[test]
fn a_server_lost_while_a_job_runs_is_an_error_and_no_second_run() {
    let mut first = Gearmand::start();
    let second = Gearmand::start();
    let (sender, taken) = mpsc::channel();
    let _worker = TinyWorker::start(&first, "hang", move |_, _| sender.send(()).unwrap());
    let mut client = Client::new(servers(&[&first, &second])).timeout(SOON);
    let job = std::thread::spawn(move || client.run("hang", ""));
    taken.recv_timeout(SOON).unwrap();
    first.stop();
    let error = job.join().unwrap().unwrap_err();
    assert!(matches!(&error, ClientError::Io { .. }), "{error}");
    assert!(second.status_of("hang").is_none());
}

#[test]
fn a_name_with_a_nul_is_refused_before_anything_is_sent() {
    let list = ServerList::parse(&format!("127.0.0.1:{}", free_port())).unwrap();
    let error = Client::new(list).run("a\0b", "").unwrap_err();
    assert!(matches!(error, ClientError::Protocol(PacketError::NulInArgument { .. })), "{error}");
}

#[test]
fn a_refused_job_says_why() {
    let gearmand = Gearmand::start();
    assert_eq!(gearmand.admin("create function full"), ["OK"]);
    assert_eq!(gearmand.admin("maxqueue full 1"), ["OK"]);
    let mut client = client(&gearmand);
    client.submit_background("full", "").unwrap();
    let error = client.submit_background("full", "").unwrap_err();
    assert!(matches!(&error, ClientError::Server { .. }), "{error:?}");
    client.submit_background("another", "").unwrap();
}
