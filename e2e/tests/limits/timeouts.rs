//! `timeout`: what the client is told and when, and what becomes of the process.

use std::time::{Duration, Instant};

use e2e::is_alive;
use gearman_protocol::{ClientError, JobEvent, Priority};
use gearman_testkit::Gearmand;

use super::{Notes, client, farm, function, run, start};

#[track_caller]
fn assert_timed_out(answer: Result<String, ClientError>, time: &str) {
    let Err(ClientError::Failed { warnings, .. }) = answer else { panic!("it did not fail: {answer:?}") };
    assert_eq!(warnings, [format!("timeout after {time} s")]);
}

#[test]
fn the_client_is_told_while_the_method_runs_and_the_process_lives_on() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    let before = run(&gearmand.address(), "Late::sleep", "0").unwrap();
    let (begun, late) = (Instant::now(), start(&gearmand.address(), "Late::sleep", "2500"));
    let answer = late.join().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(2000), "told after {:?}", begun.elapsed());
    assert!(notes.of("returned").iter().all(|returned| returned == "0"), "it still runs");
    assert_timed_out(answer, "0.3");
    // What the console shows is there before the client is told.
    let row = farm.console().row(&function("Late::late"));
    assert_eq!(row.message.as_deref(), Some("timeout after 0.3 s"), "{row:?}");

    // It can say nothing more, and does the next job.
    let after = run(&gearmand.address(), "Late::sleep", "1").unwrap();
    assert_eq!(after, before, "the same process: {}", farm.state());
    assert!(notes.wait(&farm, "refused:").contains("the job has timed out"));
    assert!(farm.log().contains("its answer is dropped"), "{}", farm.log());
    // A late error is not the last error.
    let Err(ClientError::Exception { message, .. }) =
        client(&gearmand.address()).exceptions(true).run(&function("Late::exception"), "1000")
    else {
        panic!("no exception")
    };
    assert_eq!(message, "timeout after 0.3 s");
    farm.wait("it has returned", || notes.of("returned").contains(&"1000".to_owned()).then_some(()));
    assert_eq!(run(&gearmand.address(), "Late::sleep", "2").unwrap(), before);
    assert_eq!(farm.console().row(&function("Late::late")).message.as_deref(), Some("timeout after 0.3 s"));
}

#[test]
fn the_failure_does_not_mix_with_what_the_method_sends() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    for _ in 0..5 {
        let mut bytes = 0;
        let mut warnings = Vec::new();
        let mut client = client(&gearmand.address());
        let answer = client.run_with(&function("Late::pour"), "", "", Priority::Normal, |event| match event {
            JobEvent::Data(data) => {
                assert!(warnings.is_empty(), "nothing comes after the failure");
                assert!(data.iter().all(|byte| *byte == b'x'));
                bytes += data.len();
            }
            JobEvent::Warning(warning) => warnings.push(String::from_utf8_lossy(warning).into_owned()),
            _ => {}
        });
        assert!(matches!(answer, Err(ClientError::Failed { .. })), "{answer:?}");
        assert_eq!(warnings, ["timeout after 0.3 s"]);
        let poured: usize = notes.wait(&farm, "poured").parse().unwrap();
        assert!(bytes > 0 && poured > 0);
    }
    assert!(!farm.log().contains("no Gearman"), "{}", farm.log());
}

#[test]
fn a_process_that_does_not_come_back_is_killed_and_replaced() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    let begun = Instant::now();
    let stuck = start(&gearmand.address(), "Late::stuck", "a");
    let pid: u32 = notes.wait(&farm, "stuck a").parse().unwrap();
    assert_timed_out(stuck.join().unwrap(), "0.2");
    assert!(is_alive(pid), "it has its grace");
    let killed = farm.wait_log("Process killed: its job has taken");
    assert!(begun.elapsed() >= Duration::from_millis(5200), "{:?}", begun.elapsed());
    assert!(killed.contains(&format!("({pid}) [{}]", function("Late::stuck"))), "{killed}");
    assert!(killed.contains("and its timeout is 0.2 s") && killed.contains("(H:"), "{killed}");
    farm.wait("it has ended", || (!is_alive(pid)).then_some(()));
    // Nobody does that job again, and another one is done.
    assert_ne!(run(&gearmand.address(), "Late::stuck", "").unwrap(), pid.to_string());
    assert_eq!(notes.of("stuck a").len(), 1);
    assert!(!farm.log().contains("end as soon as they start"), "no crash loop: {}", farm.log());
}

#[test]
fn an_asynchronous_job_is_dropped_and_its_neighbours_go_on() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    let late = start(&gearmand.address(), "LateAsync::sleep", "60000");
    let neighbours: Vec<_> = (0..3).map(|n| start(&gearmand.address(), "LateAsync::sleep", &n.to_string())).collect();
    let pids: Vec<String> = neighbours.into_iter().map(|job| job.join().unwrap().unwrap()).collect();
    assert_timed_out(late.join().unwrap(), "0.4");
    let dropped = || notes.of("dropped").contains(&"60000".to_owned());
    farm.wait("what the late job was at is dropped", || dropped().then_some(()));
    assert_eq!(notes.of("end of").iter().filter(|workload| *workload == "60000").count(), 1, "`end` runs");
    assert_eq!(run(&gearmand.address(), "LateAsync::sleep", "1").unwrap(), pids[0]);
    assert_eq!(farm.console().row(&function("LateAsync::sleep")).message.as_deref(), Some("timeout after 0.4 s"));
}

#[test]
fn an_asynchronous_process_whose_thread_is_blocked_is_killed_and_the_job_given_again() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes).start();
    let blocked = start(&gearmand.address(), "LateAsync::block", "a");
    let pid = notes.wait(&farm, "blocked");
    // The process could not tell the client, so the job server has the job yet.
    assert_ne!(blocked.join().unwrap().unwrap(), pid);
    assert!(farm.log().contains(&format!("({pid}) [{}] Process killed: its job", function("LateAsync::block"))));
}

#[test]
fn the_operator_may_give_a_timeout_and_is_told_where_a_shutdown_is_shorter() {
    let (gearmand, notes) = (Gearmand::start(), Notes::new());
    let farm = farm(&gearmand.address(), &notes)
        .file("limits.toml", format!("job_runtime_attributes.'{}'.timeout = 0.5\n", function("Drain::hasty")))
        .args("--configfile limits.toml --shutdown-timeout 5.4")
        .start();
    assert_timed_out(run(&gearmand.address(), "Drain::hasty", "3000"), "0.5");
    let log = farm.log();
    let warned: Vec<&str> = log.lines().filter(|line| line.contains("but a shutdown kills them after")).collect();
    assert_eq!(warned.len(), 1, "{log}");
    assert!(warned[0].contains("WARN Job limits_farm::workers::Drain::hasty: its jobs may take 5.5 s"), "{warned:?}");
}
