//! Standard error that nobody reads: lines of the log are lost and counted, and nothing stands still.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use gearman_testkit::{Gearmand, eventually, free_port};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::{self, Notes, PATIENCE, client, console_answers_at_once, job, run, scale};

#[test]
fn a_log_that_nobody_reads_holds_nothing_up_and_goes_on_when_it_is_read() {
    let (server, notes, port) = (Gearmand::start(), Notes::new(), free_port());
    // Open for both, so that neither side waits for the other to open it.
    let unread = ["sh", "-c", r#"mkfifo unread && exec "$0" "$@" 2<>unread"#];
    let builder = support::farm(&server.address(), &notes, "--logfile -").bare().console_port(port).under(&unread);
    let farm = builder.args(&format!("--server {} --console-port {port}", server.address())).start();
    scale(&farm, &server, "chatter", 1);
    let chatter = run(&server.address(), "chatter", "a");
    let mut pipe = File::options().read(true).write(true).open(farm.dir().join("unread")).unwrap();
    farm.wait("the pipe is full", || {
        let mut writable = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
        (poll(&mut writable, PollTimeout::ZERO).unwrap() == 0).then_some(())
    });

    // The driver goes on, and so does the job that prints.
    console_answers_at_once(&farm);
    notes.open("a");
    assert_eq!(chatter.join().unwrap().unwrap(), "a");
    assert_eq!(client(&server.address()).run(&job("echo"), "hello").unwrap(), b"hello");

    // Whoever reads again sees what was there, how many lines are missing, and what comes now.
    let reader = std::thread::spawn(move || {
        let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&text).contains("were lost here: whoever reads it takes nothing") {
            let n = pipe.read(&mut bytes).unwrap();
            text.extend_from_slice(&bytes[..n]);
        }
        text
    });
    let [pid] = farm.console().pids(&job("echo"))[..] else { panic!("{}", farm.state()) };
    assert_eq!(farm.console().ask(&format!("kill {pid}")), ["OK"]);
    eventually("it is told", PATIENCE, || reader.is_finished().then_some(()));
    let text = String::from_utf8(reader.join().unwrap()).unwrap();
    assert!(text.lines().filter(|line| line.contains("STDOUT: chatter")).count() > 100, "{text}");
}
