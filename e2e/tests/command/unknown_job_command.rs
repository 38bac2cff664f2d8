//! `--unknown_job_command`.

use e2e::{ServerKind, descendants, on_both_job_servers};
use gearman_testkit::Gearmand;
use nix::sys::signal::Signal;

use crate::support::{ECHO, client, farm};

// Not on both, but with gearmand alone: how the command runs is the driver's matter.
on_both_job_servers! {
    it_runs_for_functions_that_no_job_has_and_its_output_is_logged,
}

fn it_runs_for_functions_that_no_job_has_and_its_output_is_logged(kind: ServerKind) {
    let server = kind.start();
    let script = "echo \"waits: $GEARMAN_FUNCTION $GEARMAN_QUEUE, as arguments $*\"; exit 4";
    let mut farm = farm(&server)
        .args("--interval 0.1 --unknown-job-command")
        .arg(format!("sh -c '{script}' notify first"))
        .start();
    client(&server).submit_background("nobody::has_this", b"").unwrap();
    client(&server).run(ECHO, b"").unwrap();
    let line = farm.wait_log("STDOUT: waits: nobody::has_this 1, as arguments first nobody::has_this 1 0 0 0");
    assert!(line.contains("[unknown_job_command] "), "{line}");
    let _ = farm.wait_log("[unknown_job_command] Exited with status 4 (function nobody::has_this)");
    assert!(!farm.log().contains(&format!("waits: {ECHO}")), "{}", farm.log());
    // It is run again at the next looks, and none of the runs stays as a zombie.
    farm.wait("a third run", || (farm.log().matches("STDOUT: waits: ").count() >= 3).then_some(()));
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success(), "{}", farm.state());
}

#[test]
fn one_that_still_runs_is_not_started_twice_and_ends_with_the_driver() {
    let server = Gearmand::start();
    let mut farm = farm(&server).args("--interval 0.05 --unknown-job-command").arg("sh -c 'sleep 600' notify").start();
    client(&server).submit_background("nobody::has_this", b"").unwrap();
    let line = farm.wait_log("[unknown_job_command] Command started for function nobody::has_this");
    let pid: u32 = line.split_once('(').unwrap().1.split_once(')').unwrap().0.parse().unwrap();
    assert!(descendants(farm.pid()).iter().any(|process| process.pid == pid));
    // Some looks later it is still the only one.
    client(&server).submit_background("nobody::has_that", b"").unwrap();
    let _ = farm.wait_log("[unknown_job_command] Command started for function nobody::has_that");
    assert_eq!(farm.log().matches("Command started for function nobody::has_this").count(), 1);
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success(), "{}", farm.state());
    farm.wait("the command ends", || (!e2e::is_alive(pid)).then_some(()));
}
