//! What each command answers and asks for, without a connection.

use gearman_driver_core::process::{ActivityState, HostId, LastError};
use gearman_driver_core::snapshot::{Failing, Failure, JobSnapshot, ProcessSnapshot, Snapshot};
use gearman_driver_core::time::{Time, UnixSeconds};

use super::*;

pub(super) fn job(name: &str, min: u32, max: u32, pids: &[u32]) -> JobSnapshot {
    let process = |&pid| ProcessSnapshot {
        pid,
        host: HostId(1),
        generation: 1,
        started: Time::START,
        state: ActivityState::Idle,
        since: Time::START,
        jobs_done: 0,
        current: None,
    };
    JobSnapshot {
        name: name.to_owned(),
        functions: vec![name.to_owned()],
        limits: Limits::new(min, max).unwrap(),
        limits_changed: false,
        paused: false,
        retired: false,
        target: min,
        processes: pids.iter().map(process).collect(),
        spawning: 0,
        last_run: None,
        last_error: None,
        jobs_done: 0,
        failing: None,
        queue: None,
        decision: None,
    }
}

fn driver() -> Snapshot {
    let mut pong = job("my::One::pong", 0, 15, &[4711, 4712]);
    pong.last_run = Some(UnixSeconds(1_264_797_432));
    pong.last_error = Some(LastError { at: UnixSeconds(1_264_797_432), message: "some error\n".to_owned() });
    let mut ping = job("my::One::ping_much_longer", 0, 5, &[]);
    ping.last_run = Some(UnixSeconds(1_264_797_437));
    Snapshot { version: "1.2.3".to_owned(), jobs: vec![ping, pong], ..Snapshot::default() }
}

/// What the driver answers, or what it is asked to do, with the spaces at the ends of lines made visible.
fn said(line: &str) -> String {
    match Commands::new().interpret(line, &driver()) {
        Ok(Action::Answer(lines)) => lines.iter().map(|line| format!("{line}|")).collect::<Vec<_>>().join("\n"),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("ERR {error}|"),
    }
}

#[test]
fn a_job_whose_processes_die_says_so_in_the_column_for_errors() {
    let failing = Some(Failing { times: 3, held_until: Time::START, failure: Failure::DiedAtOnce });
    let without = JobSnapshot { failing, ..job("a::first", 1, 1, &[]) };
    let last_error = Some(LastError { at: UnixSeconds(1_264_797_432), message: "no\ndisk".to_owned() });
    let failing = failing.map(|failing| Failing { failure: Failure::NotStarted, ..failing });
    let with = JobSnapshot { failing, last_error, ..job("a::second", 1, 1, &[]) };
    let driver = Snapshot { jobs: vec![without, with], ..Snapshot::default() };
    let lines = |line: &str| match Commands::new().interpret(line, &driver) {
        Ok(Action::Answer(lines)) => lines,
        other => panic!("{other:?}"),
    };
    insta::assert_snapshot!(lines("status").join("\n"), @r"
    a::first   1  1  0  1970-01-01T00:00:00  1970-01-01T00:00:00  ERROR: failing: its processes end as soon as they start, 3 times in a row
    a::second  1  1  0  1970-01-01T00:00:00  2010-01-29T20:37:12  ERROR: failing: its processes can't be started, 3 times in a row; last error: no\ndisk
    ");
    assert_eq!(lines("show a::first").len(), 1);
    assert!(lines("show a::first")[0].contains("ERROR: failing: "), "{:?}", lines("show a::first"));
}

#[test]
fn status_is_aligned() {
    insta::assert_snapshot!(said("status"), @"
    my::One::ping_much_longer  0   5  0  2010-01-29T20:37:17  1970-01-01T00:00:00  |
    my::One::pong              0  15  2  2010-01-29T20:37:12  2010-01-29T20:37:12  ERROR: some error|
    ");
    let alone = Snapshot { jobs: vec![job("a", 10, 65_535, &[1])], ..Snapshot::default() };
    let action = Commands::new().interpret("status", &alone).unwrap();
    insta::assert_debug_snapshot!(action, @r#"
    Answer(
        [
            "a  10  65535  1  1970-01-01T00:00:00  1970-01-01T00:00:00  ",
        ],
    )
    "#);
    let none = Commands::new().interpret("status", &Snapshot::default()).unwrap();
    assert_eq!(none, Action::Answer(vec![]));
}

#[test]
fn show_is_not_padded_and_lists_pids() {
    insta::assert_snapshot!(said("show my::One::pong"), @"
    my::One::pong  0  15  2  2010-01-29T20:37:12  2010-01-29T20:37:12  ERROR: some error|
    4711|
    4712|
    ");
    insta::assert_snapshot!(said("show my::One::ping_much_longer and more"), @"my::One::ping_much_longer  0  5  0  2010-01-29T20:37:17  1970-01-01T00:00:00  |");
    insta::assert_snapshot!(said("show nobody"), @"ERR invalid_job_name: nobody|");
    insta::assert_snapshot!(said("show"), @"ERR invalid_job_name: |");
}

#[test]
fn list_and_version() {
    insta::assert_snapshot!(said("list"), @"
    my::One::ping_much_longer|
    my::One::pong|
    ");
    insta::assert_snapshot!(said("version"), @"gearman-driver 1.2.3|");
}

#[test]
fn help_comes_from_the_registry() {
    insta::assert_snapshot!(said("help"), @"
    status                     Shows all jobs, a row each, sorted by name|
    list                       Lists the names of all jobs, sorted|
    show JOB                   Shows one job: its row as in status, not padded, then the PID of each of its processes|
    ps [JOB]                   Shows the processes of all jobs, or of one, a row each|
    set_min_processes JOB N    Sets how many processes the job has at least; missing ones are started at once|
    set_max_processes JOB N    Sets how many processes the job has at most; those beyond are asked to finish their job and exit|
    set_processes JOB MIN MAX  Sets both bounds in one step|
    stop PID...                Lets these processes finish their job and exit; they are replaced where needed|
    kill PID...                As stop: no job is killed|
    killall JOB...|*           As stop, for all processes of these jobs, or of all jobs|
    kill_now PID...            Ends these processes and what they have started at once (SIGKILL); they are replaced where needed|
    restart JOB                Replaces the job's processes step by step, the new ones first; running jobs are finished|
    pause JOB                  Stops the job: running jobs are finished, its processes exit, none is started|
    resume JOB                 Starts a job that was paused: as many processes as before|
    reload                     Loads worker code and configuration anew and replaces all processes step by step; no job is lost|
    set_loglevel LEVEL         Sets the least important level that is logged: TRACE DEBUG INFO WARN ERROR FATAL OFF|
    save                       Writes what was changed live (bounds, log level, interval, max_idle_time) into the last config file|
    shutdown                   Ends the driver: all processes finish their jobs first|
    snapshot                   Shows the driver, its jobs and their processes as one line of JSON|
    version                    Shows the driver's version|
    help [COMMAND]             Lists the commands, or explains one|
    quit                       Closes the connection, without an answer|
    ");
    insta::assert_snapshot!(said("help kill"), @"
    kill PID...|
    As stop: no job is killed.|
    PIDs that are not ours are passed over; it is an error if none is.|
    ");
    insta::assert_snapshot!(said("help nothing"), @"ERR unknown_command: nothing|");
}

#[test]
fn bounds_are_checked_job_first_then_digits_then_size() {
    let job = "my::One::pong";
    for (line, answer) in [
        ("set_min_processes", "ERR invalid_job_name: |"),
        ("set_min_processes x y", "ERR invalid_job_name: x|"),
        ("set_min_processes {}", "ERR invalid_value: min_processes must be >= 0|"),
        ("set_min_processes {} -1", "ERR invalid_value: min_processes must be >= 0|"),
        ("set_min_processes {} +1", "ERR invalid_value: min_processes must be >= 0|"),
        ("set_min_processes {} 1.0", "ERR invalid_value: min_processes must be >= 0|"),
        ("set_min_processes {} ١", "ERR invalid_value: min_processes must be >= 0|"),
        ("set_min_processes {} 65536", "ERR invalid_value: min_processes must be <= 65535|"),
        ("set_max_processes {} x", "ERR invalid_value: max_processes must be >= 0|"),
        ("set_max_processes {} 99999999999999999999999", "ERR invalid_value: max_processes must be <= 65535|"),
        ("set_processes {}", "ERR invalid_value: min_processes must be >= 0|"),
        ("set_processes {} 1", "ERR invalid_value: max_processes must be >= 0|"),
        ("set_processes {} 70000 x", "ERR invalid_value: max_processes must be >= 0|"),
        ("set_processes {} 70000 70000", "ERR invalid_value: min_processes must be <= 65535|"),
        ("set_processes {} 1 70000", "ERR invalid_value: max_processes must be <= 65535|"),
    ] {
        assert_eq!(said(&line.replace("{}", job)), answer, "{line}");
    }
}

#[test]
fn orders_are_what_was_said() {
    insta::assert_snapshot!(said("set_min_processes my::One::pong 007 and more"), @r#"
    Order(SetMin { job: "my::One::pong", min: 7 })
    "#);
    insta::assert_snapshot!(said("set_max_processes my::One::pong 65535"), @r#"
    Order(SetMax { job: "my::One::pong", max: 65535 })
    "#);
    insta::assert_snapshot!(said("set_processes my::One::pong 3 3"), @r#"
    Order(SetProcesses { job: "my::One::pong", min: 3, max: 3 })
    "#);
    insta::assert_snapshot!(said("kill 4711 x -1 4712 99999999999"), @"Order(Stop { pids: [4711, 4712] })");
    insta::assert_snapshot!(said("stop"), @"Order(Stop { pids: [] })");
    insta::assert_snapshot!(said("killall *"), @"Order(KillAll(All))");
    insta::assert_snapshot!(said("killall my::One::pong my::One::ping_much_longer"), @r#"
    Order(KillAll(Named(["my::One::pong", "my::One::ping_much_longer"])))
    "#);
    insta::assert_snapshot!(said("shutdown now"), @"LastOrder(Shutdown)");
    insta::assert_snapshot!(said("quit"), @"Close");
}

#[test]
fn killall_checks_all_names_first() {
    insta::assert_snapshot!(said("killall"), @"ERR invalid_value: no job_names given|");
    insta::assert_snapshot!(said("killall my::One::pong x y"), @"ERR invalid_job_name: x|");
    insta::assert_snapshot!(said("killall my::One::pong *"), @"ERR invalid_job_name: *|");
}

#[test]
fn words_are_separated_by_any_white_space() {
    assert_eq!(said("show\t \x0b\x0c\rmy::One::pong\r"), said("show my::One::pong"));
    assert_eq!(said(""), "ERR unknown_command: |");
    assert_eq!(said(" status"), "ERR unknown_command: |");
    assert_eq!(said("\r"), "ERR unknown_command: |");
    assert_eq!(said("Status"), "ERR unknown_command: Status|");
    assert_eq!(said("can\x1b[31m now"), "ERR unknown_command: can\\x1b[31m|");
}

#[test]
fn every_command_is_documented_and_has_an_example() {
    let commands = Commands::new();
    for command in commands.iter() {
        let name = command.name();
        assert!(command.summary().len() > 10 && !command.summary().ends_with('.'), "{name}");
        assert!(!command.examples().is_empty(), "{name}");
        assert!(command.examples().iter().all(|example| example.split(' ').next() == Some(name)), "{name}");
        assert_eq!(commands.iter().filter(|other| other.name() == name).count(), 1, "{name}");
        assert!(!name.is_empty() && !name.contains(is_space), "{name}");
    }
}

#[test]
fn a_program_can_add_its_own() {
    struct Hello;
    impl Command for Hello {
        fn name(&self) -> &str {
            "hello"
        }
        fn summary(&self) -> &str {
            "Says hello"
        }
        fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
            Ok(Action::Answer(vec![format!("hello {}", call.word(0))]))
        }
    }
    let commands = Commands::new().with(Arc::new(Hello)).unwrap();
    let answer = commands.interpret("hello you", &driver());
    assert_eq!(answer, Ok(Action::Answer(vec!["hello you".to_owned()])));
    let Ok(Action::Answer(help)) = commands.interpret("help", &driver()) else { panic!("help answers") };
    assert!(help.last().unwrap().starts_with("hello  "));
    assert_eq!(commands.with(Arc::new(Hello)).unwrap_err(), NameError::Taken("hello".to_owned()));
}

#[test]
fn a_name_that_nobody_could_call_is_refused() {
    struct Named(&'static str);
    impl Command for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn summary(&self) -> &str {
            "Has a name"
        }
        fn run(&self, _call: &Call<'_>) -> Result<Action, CommandError> {
            Ok(Action::Close)
        }
    }
    for name in ["", "two words", "line\n", "GET", "\u{7f}"] {
        assert_eq!(Commands::new().with(Arc::new(Named(name))).unwrap_err(), NameError::NoWord(name.to_owned()));
    }
    let taken = Commands::new().with(Arc::new(Named("status"))).unwrap_err();
    insta::assert_snapshot!(taken, @"the console has a command `status` already: give yours another name");
    let no_word = Commands::new().with(Arc::new(Named("a b"))).unwrap_err();
    insta::assert_snapshot!(no_word, @r#""a b" can't be the name of a console command: it must be one word, without white space and control characters, and no method of HTTP"#);
}
