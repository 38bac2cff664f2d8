use std::path::Path;
use std::time::Duration;

use super::super::check::Names;
use super::super::completions::Page;
use super::super::status;
use super::super::subcommands::LATER;
use super::*;

fn parsed(args: &str) -> Invocation {
    parse_words(args).unwrap_or_else(|error| panic!("{error}"))
}

fn parse_words(args: &str) -> Result<Invocation, clap::Error> {
    parse(std::iter::once("/usr/bin/gearman-driver").chain(args.split_whitespace()).map(OsString::from), &[])
}

/// The text and the exit code of what is shown instead of running.
fn refused(args: &str) -> String {
    let error = parse_words(args).unwrap_err();
    format!("{error}exit code {}", error.exit_code())
}

/// A value that each kind of option takes.
fn sample(spec: &OptionSpec) -> Option<&'static str> {
    match spec.takes {
        Takes::Flag => None,
        _ => Some(spec.default.filter(|default| !default.contains(' ')).unwrap_or(if spec.name == "loglayout" {
            "%m%n"
        } else {
            "some"
        })),
    }
}

#[test]
fn the_command_is_well_formed() {
    command("gearman-driver", &[]).debug_assert();
}

#[test]
fn every_option_is_there_in_both_spellings() {
    for spec in OPTIONS {
        for spelling in [spec.name.to_owned(), spec.dashed()] {
            for before in ["", "run", "check"] {
                let args = format!("{before} --{spelling} {}", sample(spec).unwrap_or_default());
                let result = parse_words(&args);
                if spec.is_ready() {
                    let layer = result.unwrap_or_else(|error| panic!("{args}: {error}")).layer;
                    assert_ne!(layer, Layer::new(), "{args}");
                } else {
                    let error = result.unwrap_err();
                    assert_eq!(error.exit_code(), 2, "{args}");
                    let text = error.to_string();
                    assert!(text.contains("not yet"), "{args}: {text}");
                    assert!(text.contains(&format!("--{}", spec.dashed())), "{args}: {text}");
                    assert!(text.contains("on the command line"), "{args}: {text}");
                }
            }
        }
    }
}

#[test]
fn run_is_the_default() {
    for args in ["", "run", "--interval 1", "run --interval 1", "--interval 1 run"] {
        assert_eq!(parsed(args).action, Action::Run, "{args}");
    }
    assert_eq!(parsed("--interval 1").layer, parsed("run --interval 1").layer);
    assert_eq!(parsed("--interval 1").layer, parsed("--interval 1 run").layer);
    assert_eq!(parsed("check --namespaces a").action, Action::Check(Names::default()));
    let names = Names { against: Some("f".into()), write: Some("g".into()) };
    assert_eq!(parsed("check --against f --write=g").action, Action::Check(names));
}

#[test]
fn lists_are_collected_before_and_behind_the_subcommand() {
    let layer = parsed("--namespaces a run --namespaces b --namespaces=c").layer;
    assert_eq!(layer.namespaces.unwrap().value, ["a", "b", "c"]);
}

#[test]
fn the_last_of_several_values_counts() {
    let layer = parsed("--interval 1 --interval 2 --console_port 1 --console-port 2").layer;
    assert_eq!(layer.interval.unwrap().value, Duration::from_secs(2));
    assert_eq!(layer.console_port.unwrap().value, 2);
    assert_eq!(parsed("--interval 1 run --interval 3").layer.interval.unwrap().value.as_secs(), 3);
}

#[test]
fn a_dash_is_a_log_file() {
    assert_eq!(parsed("--logfile -").layer.logfile.unwrap().value, Path::new("-"));
}

#[test]
fn config_files_are_named() {
    let invocation = parsed("--configfile a.toml run --configfile b.yaml");
    assert_eq!(invocation.layer.configfile.unwrap().value, [Path::new("a.toml"), Path::new("b.yaml")]);
}

#[test]
fn later_subcommands_answer_not_yet_whatever_follows() {
    for name in LATER {
        for rest in ["", "--json", "--connect host:1 x", "--help"] {
            assert_eq!(parsed(&format!("{name} {rest}")).action, Action::NotYet(name));
        }
    }
}

#[test]
fn a_programs_own_subcommand_is_shown_and_comes_first() {
    let own = [clap::Command::new("demo").about("Shows it")];
    assert!(command("x", &own).render_help().to_string().contains("demo         Shows it"));
    let args = ["x", "--interval", "1", "demo"].map(OsString::from);
    assert_eq!(parse(args.into_iter(), &own).unwrap().action, Action::Misplaced("demo".to_owned()));
    assert!(parse_words("demo").is_err(), "of that program alone");
}

#[test]
fn status_takes_what_says_where_the_console_is() {
    let status = |json, consoles: &[&str]| {
        let consoles = consoles.iter().map(|&console| console.to_owned()).collect();
        Action::Status(status::Request { json, consoles })
    };
    assert_eq!(parsed("status").action, status(false, &[]));
    assert_eq!(parsed("status --json --connect a:1 --connect b").action, status(true, &["a:1", "b"]));
    for args in ["status --console-port 5", "--console_port 5 status"] {
        assert_eq!(parsed(args).layer.console_port.unwrap().value, 5, "{args}");
    }
    assert_eq!(parse_words("status --interval 5").unwrap_err().exit_code(), 2);
}

#[test]
fn completions_are_those_of_a_shell_or_the_manual_page() {
    assert_eq!(parsed("completions bash").action, Action::Completions(Page::Bash));
    assert_eq!(parsed("completions man").action, Action::Completions(Page::Man));
    assert_eq!(parse_words("completions").unwrap_err().exit_code(), 2);
}

#[test]
fn wrong_usage_is_told_and_has_exit_code_2() {
    insta::assert_snapshot!(refused("--intervall 5"), @"
    error: unexpected argument '--intervall' found

      tip: a similar argument exists: '--interval'

    Usage: gearman-driver --interval <DURATION>

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--interval soon"), @"
    error: invalid value 'soon' for '--interval <DURATION>': `soon` is no duration: write for example 5, 0.5, 500ms, 5s or 5m

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--interval -5"), @"
    error: invalid value '-5' for '--interval <DURATION>': `-5` is negative: a duration is 0 or more

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--console-port 99999"), @"
    error: invalid value '99999' for '--console-port <PORT>': `99999` is no port: a number from 0 to 65535 is

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--loglevel LOUD"), @"
    error: invalid value 'LOUD' for '--loglevel <LEVEL>': `LOUD` is no log level: TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF is

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--loglayout %q"), @"
    error: invalid value '%q' for '--loglayout <PATTERN>': `%q` is no letter of a log layout, at column 1 of the log layout: known are %d %p %m %c %P %H %r %n and %%
    %q
    ^^

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--scaling adaptive"), @"
    error: invalid value 'adaptive' for '--scaling <POLICY>': not yet: `adaptive` comes with a later release, `classic` is there

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--console_host 0.0.0.0"), @"
    error: invalid value '0.0.0.0' for '--console-host <HOST>': not yet: an address other than 127.0.0.1, localhost and ::1 (here `0.0.0.0`) needs a token, which is not there yet

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--http 127.0.0.1:8080"), @"
    error: `--http`: not yet: a later release has this option (the address of the dashboard, metrics and API), on the command line

    Usage: gearman-driver [OPTIONS] [COMMAND]

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("statu"), @"
    error: unrecognized subcommand 'statu'

      tip: a similar subcommand exists: 'status'

    Usage: gearman-driver [OPTIONS] [COMMAND]

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("completions tcsh"), @"
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, zsh, fish, elvish, powershell, man]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("--server"), @"
    error: a value is required for '--server <HOST[:PORT],..>' but none was supplied

    For more information, try '--help'.
    exit code 2
    ");
    insta::assert_snapshot!(refused("walk"), @"
    error: unrecognized subcommand 'walk'

    Usage: gearman-driver [OPTIONS] [COMMAND]

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn help_and_version_name_the_program() {
    insta::assert_snapshot!(refused("--version"), @"
    gearman-driver 0.1.0
    exit code 0
    ");
    let help = |program: &str| {
        let args = [program, "--help"].map(OsString::from);
        let error = parse(args.into_iter(), &[]).unwrap_err();
        assert_eq!(error.exit_code(), 0);
        error.to_string()
    };
    assert!(help("./target/convert").contains("Usage: convert [OPTIONS] [COMMAND]"));
    // Else as wide as the terminal that the tests run in.
    let shown = command("gearman-driver", &[]).term_width(100).render_help();
    insta::assert_snapshot!(shown, @"
    Runs Gearman workers, as many processes as the queues need.

    Usage: gearman-driver [OPTIONS] [COMMAND]

    Commands:
      run          Run the driver (the default)
      check        Load everything, list the jobs, touch nothing
      status       Show the jobs of running drivers, as their consoles do
      reload       Have running drivers load their worker code and configuration anew; no job is lost
      completions  Write what a shell completes, or the manual page, to standard output
      help         Print this message or the help of the given subcommand(s)

    Options:
          --server <HOST[:PORT],..>        Job servers; an IPv6 address stands in brackets. [default:
                                           localhost:4730]
          --namespaces <PATH>              A module path: the workers at it and below it are run.
                                           Repeatable.
          --lib <DIR>                      Where modules of workers in other languages are looked for;
                                           not for Rust workers. Repeatable.
          --console-port <PORT>            The console's TCP port; 0 turns the console off. [default:
                                           47300]
          --console-host <HOST>            The address that the console listens on. [default: 127.0.0.1]
          --interval <DURATION>            Time between two looks at the queues; 0 turns the observer
                                           off. [default: 5]
          --max-idle-time <DURATION>       How long a process above the minimum may stay idle. [default:
                                           0]
          --logfile <FILE>                 The log, which is appended to; - for standard error.
                                           [default: gearman_driver.log]
          --loglayout <PATTERN>            How a line of the log looks: a pattern layout of
                                           Log::Log4perl. [default: [%d] %p %m%n]
          --loglevel <LEVEL>               What is logged: TRACE, DEBUG, INFO, WARN, ERROR, FATAL and
                                           above, or OFF. [default: INFO]
          --log-format <FORMAT>            How the log is written: layout, or json for an object a line.
                                           [default: layout]
          --configfile <FILE>              A TOML or YAML file with these options as keys. Repeatable,
                                           later ones win.
          --shutdown-timeout <DURATION>    How long running jobs may take to finish at a shutdown before
                                           they are killed. [default: 25s]
          --poison-limit <DEATHS>          A job that has taken down so many processes is failed, not
                                           run again; 0 runs it for ever. [default: 3]
          --state-dir <DIR>                Where the driver keeps what its next start is to know; `off`:
                                           nowhere.
          --scaling <POLICY>               How the number of processes follows the queue: classic.
                                           [default: classic]
          --daemonize                      Detach from the terminal; returns when the driver is ready or
                                           has failed.
          --pidfile <FILE>                 Where the driver writes its process id; locked while it runs.
          --user <USER>                    The user to run as, by name or number; only root can choose.
          --group <GROUP>                  The group to run as, by name or number; the user's own by
                                           default.
          --name <NAME>                    The driver's name, where several run on one host; shown in
                                           process titles.
          --embedded-server                Run a job server inside, at --server, for trying things out;
                                           port 0 takes a free one.
          --unknown-job-command <COMMAND>  What to run when jobs wait for a function that no job here
                                           has.
      -h, --help                           Print help
      -V, --version                        Print version

    Durations are 5, 0.5, 500ms, 5s, 5m, 1h, 2d; a bare number is seconds.
    Each option is also an environment variable (GEARMAN_DRIVER_INTERVAL, lists separated by commas) and
    a key of a config file; the command line wins over the environment, and that over config files.
    Exit codes: 0 after a clean shutdown, 1 after a failure, 2 after wrong usage.
    ");
}
