//! `drain_timeout`: whom a shutdown waits for.

use std::time::{Duration, Instant};

use gearman_protocol::ClientError;
use gearman_testkit::{Gearmand, eventually_or};
use nix::sys::signal::Signal;

use super::{Notes, client, farm, function, start};

#[test]
fn a_shutdown_waits_for_each_job_as_long_as_it_says() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm(&gearmand.address(), &notes).args("--shutdown-timeout 0.5").start();
    let patient = start(&gearmand.address(), "Drain::patient", "3000");
    // In the background: it is killed, and the job server has it then.
    client(&gearmand.address()).submit_background(&function("Drain::hasty"), "60000").unwrap();
    let (patient_pid, hasty_pid) = (notes.wait(&farm, "patient"), notes.wait(&farm, "hasty"));
    let asked = Instant::now();
    farm.signal(Signal::SIGTERM);
    let killed = farm.wait_log("Process killed: it had not finished after 0.5 s");
    assert!(killed.contains(&format!("({hasty_pid})")), "{killed}");
    assert_eq!(patient.join().unwrap().unwrap(), patient_pid);
    assert!(farm.wait_exit().success());
    assert!(asked.elapsed() < Duration::from_secs(15), "it went when it was done: {:?}", asked.elapsed());
    let log = farm.log();
    assert!(log.contains("finish their jobs, for at most 20 s"), "{log}");
    assert_eq!(log.matches("Process killed: ").count(), 1, "{log}");
}

#[test]
fn a_second_term_waits_for_nobody() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let mut farm = farm(&gearmand.address(), &notes).args("--shutdown-timeout 0.5").start();
    let job = start(&gearmand.address(), "Drain::patient", "3000");
    notes.wait(&farm, "patient");
    farm.signal(Signal::SIGTERM);
    let _ = farm.wait_log("Shutting down");
    farm.signal(Signal::SIGTERM);
    assert!(farm.wait_exit().success());
    assert!(farm.log().contains("Process killed: the driver ends at once"), "{}", farm.log());
    // Nobody is left to do it.
    drop(gearmand);
    eventually_or("the client knows", e2e::PATIENCE, || job.is_finished().then_some(()), String::new);
    assert!(matches!(job.join().unwrap(), Err(ClientError::Io { .. })));
}
