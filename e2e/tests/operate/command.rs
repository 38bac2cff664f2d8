//! The command line: help, version, subcommands, wrong usage; and `check`, which touches nothing.

use e2e::{Ended, FarmBuilder};
use gearman_testkit::Gearmand;
use insta::assert_snapshot;
use nix::sys::signal::Signal;

use crate::support::{SCALE, farm, started};

/// Runs `check` to its end; asserts that it has left no trace.
fn check(arguments: &str, tell: impl FnOnce(FarmBuilder) -> FarmBuilder) -> Ended {
    let server = Gearmand::start();
    let driver = farm(&server).bare().env("OPERATE_SERVER", server.address());
    let ended = tell(driver.args(&format!("check {arguments}"))).run_to_end();
    assert_eq!(server.status(), []);
    assert_eq!((&ended.files, &ended.runtime), (&vec![], &vec![]));
    ended
}

#[test]
fn check_lists_the_jobs_and_touches_nothing() {
    let ended = check("--logfile away/driver.log", |driver| driver);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(ended.stdout, @"
    my_app::workers::image::Image::convert  min_processes 0  max_processes 5
    my_app::workers::image::Image::scale_image  min_processes 1  max_processes 5
    my_app::workers::image::Image::wait  min_processes 0  max_processes 5
    operate_farm::workers::Configured::show  min_processes 0  max_processes 3
    ");
    let file = format!(
        "[job_runtime_attributes]\n'{SCALE}' = {{ max_processes = 9 }}\n'{SCALE}s' = {{ max_processes = 9 }}\n[worker_options.Image]\nx = 1\n"
    );
    let ended =
        check("--configfile a.toml --namespaces operate_farm::workers::Image", |driver| driver.file("a.toml", file));
    assert_eq!(ended.code, Some(0));
    assert_snapshot!(ended.stdout, @"
    my_app::workers::image::Image::convert  min_processes 0  max_processes 5
    my_app::workers::image::Image::scale_image  min_processes 1  max_processes 9
    my_app::workers::image::Image::wait  min_processes 0  max_processes 5
    ");
    assert_snapshot!(ended.stderr, @"
    warning: job_runtime_attributes: no job is called my_app::workers::image::Image::scale_images; did you mean my_app::workers::image::Image::scale_image?
    warning: worker_options: no worker is called Image
    ");
}

#[test]
fn check_finds_what_is_wrong() {
    let refusal = |ended: Ended| ended.refusal();
    assert_snapshot!(refusal(check("--namespaces other", |driver| driver)), @"
    operate_farm: no worker in namespace other; namespaces known: operate_farm::workers. A program of your own needs `mod workers;` for the module with its workers, and `use my_workers as _;` for each library crate with workers, else the linker drops it; see README.md
    exit code 1
    ");
    assert_snapshot!(refusal(check("--configfile a.toml", |driver| driver.file("a.toml", "intervall = 1"))), @"
    operate_farm: unknown key `intervall`, at a.toml:1
    help: did you mean `interval`?
    exit code 1
    ");
    assert_snapshot!(refusal(check("--server a:b", |driver| driver)), @r#"
    error: invalid value 'a:b' for '--server <HOST[:PORT],..>': job server "a:b": the port "b" is not a number; write host:port with a port from 1 to 65535

    For more information, try '--help'.
    exit code 2
    "#);
}

fn said(arguments: &str) -> Ended {
    let server = Gearmand::start();
    let ended = farm(&server).bare().args(arguments).run_to_end();
    assert_eq!((&ended.files, &ended.runtime), (&vec![], &vec![]));
    ended
}

#[test]
fn help_and_version_are_no_errors() {
    let ended = said("--version");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, format!("operate_farm (gearman-driver {})\n", env!("CARGO_PKG_VERSION")));
    for arguments in ["--help", "-h", "help", "run --help", "check --help"] {
        let ended = said(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments}");
        assert!(ended.stdout.contains("Usage: operate_farm"), "{arguments}: {}", ended.stdout);
        assert!(!ended.stdout.contains("demo"), "what is not there is not shown: {}", ended.stdout);
    }
}

#[test]
fn wrong_usage() {
    assert_snapshot!(said("--sever localhost").refusal(), @"
    error: unexpected argument '--sever' found

      tip: a similar argument exists: '--server'

    Usage: operate_farm --server <HOST[:PORT],..>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(said("walk").refusal(), @"
    error: unrecognized subcommand 'walk'

    Usage: operate_farm [OPTIONS] [COMMAND]

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(said("run check").refusal(), @"
    error: unexpected argument 'check' found

    Usage: operate_farm run [OPTIONS]

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(said("--interval").refusal(), @"
    error: a value is required for '--interval <DURATION>' but none was supplied

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(said("top").refusal(), @"
    operate_farm: `top`: not yet: a later release has this subcommand; `operate_farm --help` shows what is there
    exit code 2
    ");
    assert_snapshot!(said("console --connect localhost:47300").refusal(), @"
    operate_farm: `console`: not yet: a later release has this subcommand; `operate_farm --help` shows what is there
    exit code 2
    ");
}

#[test]
fn run_is_the_default() {
    let server = Gearmand::start();
    let mut farm = started(&server, "run --max-idle-time 1");
    assert_eq!(farm.console().pids(SCALE).len(), 1);
    farm.signal(Signal::SIGTERM);
    assert_eq!(farm.wait_exit().code(), Some(0));
    assert_eq!((farm.stdout(), farm.stderr()), (String::new(), String::new()));
}
