//! What happens around a job, and what its client and the console are told.

use e2e::{ServerKind, on_both_job_servers};
use gearman_protocol::PacketType::{WorkComplete, WorkException, WorkFail, WorkWarning};

use crate::Site;
use crate::wire::packets;

// Not on both, but with gearmand alone: the order of hooks is the worker's matter.
on_both_job_servers! {
    an_err_is_told_and_the_process_lives_on,
    a_panic_is_told_and_the_process_is_replaced,
    with_exceptions_the_client_gets_one_and_no_fail_after_it,
    a_begin_that_fails_fails_the_job_and_says_so,
    a_long_message_is_whole_for_the_client_and_one_short_line_in_the_console,
}

const WORK: &str = "workers_farm::hooks::Hooks::work";
const JOB: &str = "workers_farm::hooks::Hooks::all";
const NEVER: &str = "1970-01-01T00:00:00";

#[test]
fn begin_method_end_in_this_order_also_on_failure() {
    let site = Site::new();
    let farm = site.farm("hooks").start();
    let mut expected: Vec<String> = Vec::new();
    let mut notes = |added: &[&str]| {
        expected.extend(added.iter().map(|note| (*note).to_owned()));
        // `end` has run before the answer is sent, so all is there by now.
        assert_eq!(site.notes(), expected, "{}", farm.state());
    };
    packets(&site, WORK, b"fine", false);
    notes(&["begin fine", "method fine", "end fine"]);
    packets(&site, WORK, b"err", false);
    notes(&["begin err", "method err", "end err"]);
    packets(&site, WORK, b"panic", false);
    notes(&["begin panic", "method panic", "end panic"]);
    packets(&site, WORK, b"no begin", false);
    notes(&["begin no begin"]);
    packets(&site, "workers_farm::hooks::Hooks::decoded", b"abc", false);
    notes(&["decode", "begin abc", "method cba", "end abc"]);
}

fn an_err_is_told_and_the_process_lives_on(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("hooks").start();
    let mut console = farm.console();
    let row = console.row(JOB);
    assert_eq!((row.last_run.as_str(), row.last_error.as_str(), row.message), (NEVER, NEVER, None));

    let told = packets(&site, WORK, b"fine", false);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, WorkComplete);
    let row = console.row(JOB);
    assert_ne!(row.last_run, NEVER, "written before the answer was sent");
    assert_eq!(row.last_error, NEVER);
    let pid = told[0].1.split(' ').next().unwrap();

    let told = packets(&site, WORK, b"err", false);
    let message = format!("error of {pid}");
    assert_eq!(told, [(WorkWarning, message.clone()), (WorkFail, String::new())]);
    let row = console.row(JOB);
    assert_ne!(row.last_error, NEVER, "written before the answer was sent");
    assert_eq!(row.message, Some(message), "written before the answer was sent");

    assert!(site.run(WORK, "fine").starts_with(&format!("{pid} ")), "the process lives on");
    let row = console.row(JOB);
    assert_eq!(row.message, Some(format!("error of {pid}")), "the last error stays");
}

fn a_panic_is_told_and_the_process_is_replaced(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("hooks").start();
    let mut console = farm.console();
    let pid = farm.wait("a process", || console.pids(JOB).first().copied());

    let told = packets(&site, WORK, b"panic", false);
    let message = format!("panic of {pid}");
    assert_eq!(told, [(WorkWarning, message.clone()), (WorkFail, String::new())]);
    assert_eq!(console.row(JOB).message, Some(message));

    let line = farm.wait_log(&format!("({pid}) [{JOB}] Exited"));
    assert!(line.ends_with("Exited with status 0"), "its answer sent, it left in order: {line}");
    let successor = site.run(WORK, "fine");
    assert!(!successor.starts_with(&format!("{pid} ")), "{successor} by the process that panicked");
    assert_eq!(console.row(JOB).message, Some(format!("panic of {pid}")), "the job's last error outlives its process");
}

fn with_exceptions_the_client_gets_one_and_no_fail_after_it(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("hooks").start();
    let function = format!("{WORK}_with_exceptions");
    let mut console = farm.console();
    let pid = farm.wait("a process", || console.pids(JOB).first().copied());
    assert_eq!(packets(&site, &function, b"err", true), [(WorkException, format!("error of {pid}"))]);
    assert_eq!(packets(&site, &function, b"no begin", true), [(WorkException, "begin failed: not today".to_owned())]);
    assert_eq!(packets(&site, &function, b"panic", true), [(WorkException, format!("panic of {pid}"))]);
}

fn a_begin_that_fails_fails_the_job_and_says_so(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("hooks").start();
    let told = packets(&site, WORK, b"no begin", false);
    assert_eq!(told, [(WorkWarning, "begin failed: not today".to_owned()), (WorkFail, String::new())]);
    let row = farm.console().row(JOB);
    assert_eq!(row.message.as_deref(), Some("begin failed: not today"));
    assert_eq!(row.last_run, NEVER, "its method has not run");
}

fn a_long_message_is_whole_for_the_client_and_one_short_line_in_the_console(kind: ServerKind) {
    let site = Site::on(kind);
    let farm = site.farm("hooks").start();
    let told = packets(&site, WORK, b"long", false);
    let message = format!("line one\nline two\x1b[31m {}", "x".repeat(2000));
    assert_eq!(told, [(WorkWarning, message), (WorkFail, String::new())]);
    let mut console = farm.console();
    assert_eq!(console.ask("status").len(), 1, "one line a job");
    let shown = console.row(JOB).message.unwrap();
    assert!(shown.starts_with("line one\\nline two\\x1b[31m xxx"), "{shown}");
    assert!(shown.len() <= 512, "{} bytes", shown.len());
}
