//! What is refused, and with which words.

use super::*;

#[test]
fn the_environment_is_checked() {
    let refused = |name, value| report(&environment(&[(name, value)]).unwrap_err());
    insta::assert_snapshot!(refused("GEARMAN_DRIVER_SEVER", "a"), @"
    unknown environment variable `GEARMAN_DRIVER_SEVER`, from GEARMAN_DRIVER_SEVER
    help: did you mean `GEARMAN_DRIVER_SERVER`?
    ");
    insta::assert_snapshot!(refused("GEARMAN_DRIVER_server", "a"), @"
    unknown environment variable `GEARMAN_DRIVER_server`, from GEARMAN_DRIVER_server
    help: did you mean `GEARMAN_DRIVER_SERVER`?
    ");
    insta::assert_snapshot!(refused("GEARMAN_DRIVER_INTERVAL", "soon"), @"`interval`: `soon` is no duration: write for example 5, 0.5, 500ms, 5s or 5m, from GEARMAN_DRIVER_INTERVAL");
    insta::assert_snapshot!(refused("GEARMAN_DRIVER_SERVER", ""), @"`server`: the value is empty, from GEARMAN_DRIVER_SERVER");
    insta::assert_snapshot!(refused("GEARMAN_DRIVER_WORKER_OPTIONS", "{}"), @"
    `worker_options`: can't be given in the environment, from GEARMAN_DRIVER_WORKER_OPTIONS
    help: write it into a config file
    ");
}

#[test]
fn bad_toml() {
    let refused = |text| refused("drivers.toml", text);
    insta::assert_snapshot!(refused("server = 'a'\n\nintervall = 5"), @"
    unknown key `intervall`, at drivers.toml:3
    help: did you mean `interval`?
    marked: intervall
    ");
    insta::assert_snapshot!(refused("colour = 'red'"), @"
    unknown key `colour`, at drivers.toml:1
    marked: colour
    ");
    insta::assert_snapshot!(refused("server = 'a'\nconsole_port = 'high'"), @r#"
    `console_port` must be a port number, not the text "high", at drivers.toml:2
    marked: 'high'
    "#);
    insta::assert_snapshot!(refused("console_port = 70000"), @"
    `console_port`: 70000 is no port: a number from 0 to 65535 is, at drivers.toml:1
    marked: 70000
    ");
    insta::assert_snapshot!(refused("interval = true"), @r#"
    `interval` must be a duration (a number of seconds, or a text as "500ms"), not the truth value `true`, at drivers.toml:1
    marked: true
    "#);
    insta::assert_snapshot!(refused("interval = '5 parsecs'"), @"
    `interval`: `5 parsecs` has the unknown unit `parsecs`: ms, s, m, h and d are known, at drivers.toml:1
    marked: '5 parsecs'
    ");
    insta::assert_snapshot!(refused("namespaces = ['a', 1]"), @"
    `namespaces` must be a list of texts, not a list with the number 1 in it, at drivers.toml:1
    marked: 1
    ");
    insta::assert_snapshot!(refused("namespaces = ['']"), @"
    `namespaces`: the value is empty, at drivers.toml:1
    marked: ['']
    ");
    insta::assert_snapshot!(refused("loglevel = 'INOF'"), @"
    `loglevel`: `INOF` is no log level: TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF is, at drivers.toml:1
    help: did you mean `INFO`?
    marked: 'INOF'
    ");
    insta::assert_snapshot!(refused("loglayout = '[%d] %q'"), @"
    `loglayout`: `%q` is no letter of a log layout, at column 6 of the log layout, at drivers.toml:1
    help: known are %d %p %m %c %P %H %r %n and %%
    [%d] %q
         ^^
    marked: '[%d] %q'
    ");
    insta::assert_snapshot!(refused("scaling = 'adaptive'"), @"
    `scaling`: not yet: `adaptive` comes with a later release, `classic` is there, at drivers.toml:1
    help: leave it out until then
    marked: 'adaptive'
    ");
    insta::assert_snapshot!(refused("scaling = 'clasic'"), @"
    `scaling`: `clasic` is no scaling policy: `classic` is, at drivers.toml:1
    help: did you mean `classic`?
    marked: 'clasic'
    ");
    insta::assert_snapshot!(refused("console_host = '0.0.0.0'"), @"
    `console_host`: not yet: an address other than 127.0.0.1, localhost and ::1 (here `0.0.0.0`) needs a token, which is not there yet, at drivers.toml:1
    help: leave it out until then
    marked: '0.0.0.0'
    ");
    insta::assert_snapshot!(refused("configfile = 'b.toml'"), @"
    `configfile`: a config file can't name another one, at drivers.toml:1
    help: give it on the command line (--configfile, repeatable) or in GEARMAN_DRIVER_CONFIGFILE
    marked: configfile
    ");
    insta::assert_snapshot!(refused("console_port = 1\nconsole-port = 2"), @"
    `console-port` is given twice, at drivers.toml:2
    marked: console-port
    ");
    insta::assert_snapshot!(refused("server = 'a'\nserver = 'b'"), @"
    this is no TOML: duplicate key, at drivers.toml:2
    marked: server
    ");
    insta::assert_snapshot!(refused("server: a"), @"
    this is no TOML: key with no value, expected `=`, at drivers.toml:1
    marked:
    ");
    insta::assert_snapshot!(refused("interval = 99999999999999999999"), @"
    this is no TOML: the number 99999999999999999999 is out of range, at drivers.toml:1
    marked: 99999999999999999999
    ");
    insta::assert_snapshot!(refused("worker_options = 5"), @"
    `worker_options` must be a table of workers, not the number 5, at drivers.toml:1
    marked: 5
    ");
    insta::assert_snapshot!(refused("[worker_options]\nGLOBAL = 'x'"), @r#"
    `worker_options.GLOBAL` must be a table of options, not the text "x", at drivers.toml:2
    marked: 'x'
    "#);
    insta::assert_snapshot!(refused("[job_runtime_attributes]\nx = { min_procs = 1 }"), @"
    unknown key `min_procs`, at drivers.toml:2
    marked: min_procs
    ");
    insta::assert_snapshot!(refused("[job_runtime_attributes.resize]\nmin_processes = 5\nmax_processes = 2"), @"
    job `resize`: max_processes (2) is below min_processes (5), at drivers.toml:3
    marked: 2
    ");
    insta::assert_snapshot!(refused("[job_runtime_attributes.resize]\nmin_processes = -1"), @"
    `min_processes`: -1 is no number of processes: 0 to 65535 is, at drivers.toml:2
    marked: -1
    ");
}

#[test]
fn attributes_of_a_job_that_cannot_be() {
    let wrong = [
        "timeout = 0",
        "max_jobs = 0",
        "max_jobs = 1.5",
        "max_age = -1",
        "max_memory = 4096",
        "max_memory = '1G'",
        "max_memory = true",
        "jitter = 1.5",
        "jitter = '10%'",
        "drain_timeout = 'x'",
        "max_job = 1",
    ];
    let told = wrong.map(|value| {
        let text = format!("[job_runtime_attributes.resize]\n{value}");
        file("drivers.toml", &text).unwrap_err().message()
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
    `timeout`: 0 is no limit: leave it out where there is to be none
    `max_jobs`: 0 is no limit: leave it out where there is to be none
    `max_jobs` must be a number of jobs, not the number 1.5
    `max_age`: `-1` is negative: a duration is 0 or more
    `max_memory`: 4096 bytes are too few: a process grows by as much by merely running; 1MiB is the least
    `max_memory`: `1G` has the unknown unit `G`: B, kB, MB, GB, TB and KiB, MiB, GiB, TiB are known
    `max_memory` must be a size (a number of bytes, or a text as "100MB"), not the truth value `true`
    `jitter`: 1.5 is no share: a number from 0 to 1 is
    `jitter` must be a number from 0 to 1, not the text "10%"
    `drain_timeout`: `x` is no duration: write for example 5, 0.5, 500ms, 5s or 5m
    unknown key `max_job`
    "#);
}

#[test]
fn rights_of_a_job_that_cannot_be() {
    let wrong = [
        "user = ''",
        "user = -1",
        "user = '4294967295'",
        "group = true",
        "rlimits = 5",
        "rlimits.nofil = 5",
        "rlimits.RLIMIT_AS = 5",
        "rlimits.nofile = -1",
        "rlimits.nofile = '1k'",
        "rlimits.as = '2G'",
        "rlimits.as = true",
        "rlimits.core = [1]",
        "rlimits.core = [0, 'much']",
        "rlimits.core = ['unlimited', 5]",
        "nice = 20",
        "nice = 'low'",
        "env_keep = ['A=B']",
        "env_keep = [1]",
        "env = ['A']",
        "env = { '' = 'x' }",
        "env = { 'A=B' = 'x' }",
        "env = { A = \"\\u0000\" }",
        "env = { A = 1.5 }",
        "no_new_privs = 'perhaps'",
    ];
    let told = wrong.map(|value| {
        let text = format!("[job_runtime_attributes.resize]\n{value}");
        let error = file("drivers.toml", &text).unwrap_err();
        let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
        let label = error.label().unwrap();
        format!("{}{help} [{}]", error.message(), &label.source_text[label.range.clone()])
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
    `user`: the value is empty ['']
    `user`: -1 is no number of a user: 0 to 4294967294 is [-1]
    `user`: 4294967295 is no number of a user: 0 to 4294967294 is ['4294967295']
    `group` must be a group, by name or number, not the truth value `true` [true]
    `rlimits` must be a table of limits, as { nofile = 1024 }, not the number 5 [5]
    `rlimits.nofil`: no resource is called so: as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack are (did you mean `nofile`?) [nofil]
    `rlimits.RLIMIT_AS`: no resource is called so: as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack are (did you mean `as`?) [RLIMIT_AS]
    `rlimits.nofile`: -1 is no limit: write "unlimited" where there is none [-1]
    `rlimits.nofile` must be a whole number or "unlimited", not the text "1k" ['1k']
    `rlimits.as`: `2G` has the unknown unit `G`: B, kB, MB, GB, TB and KiB, MiB, GiB, TiB are known ['2G']
    `rlimits.as` must be a number of bytes, a size as "2GB", or "unlimited", not the truth value `true` [true]
    `rlimits.core`: a list of 1: [SOFT, HARD] is wanted, or one value for both [[1]]
    `rlimits.core`: `much` is no size: write for example 100MB, 1.5GiB, or a number of bytes ['much']
    `rlimits.core`: the soft limit, which comes first, is above the hard one [['unlimited', 5]]
    `nice`: 20 is no priority: -20 (first) to 19 (last) is [20]
    `nice` must be a whole number from -20 to 19, not the text "low" ['low']
    `env_keep`: "A=B" is no name of a variable: it is not empty, and has neither `=` nor NUL [['A=B']]
    `env_keep` must be a list of texts, not a list with the number 1 in it [1]
    `env` must be a table of variables, as { LANG = "C.UTF-8" }, not a list [['A']]
    `env.`: "" is no name of a variable: it is not empty, and has neither `=` nor NUL ['']
    `env.A=B`: "A=B" is no name of a variable: it is not empty, and has neither `=` nor NUL ['A=B']
    `env.A`: a variable can't hold a NUL ["\u0000"]
    `env.A` must be a text or a whole number, not the number 1.5 [1.5]
    `no_new_privs` must be true or false, not the text "perhaps" ['perhaps']
    "#);
    let mut layer = Layer::new();
    let limits = serde_json::json!({ "nofile": [2, 1] });
    let error = layer.set_runtime_attribute("resize", "rlimits", &limits, Origin::Builder).unwrap_err();
    insta::assert_snapshot!(report(&error), @"`job_runtime_attributes.resize.rlimits.nofile`: the soft limit, which comes first, is above the hard one, set by the program");
}

#[test]
fn an_error_is_one_line_without_control_characters() {
    let error = file("a.toml", "\"a\\nb\\u001b[2J\" = 1").unwrap_err();
    insta::assert_snapshot!(error, @r"unknown key `a\nb\u{1b}[2J`, at a.toml:1");
    let error = Layer::new().set("interval", "\n5x", Origin::Builder).unwrap_err();
    insta::assert_snapshot!(error, @"`interval`: `5x` has the unknown unit `x`: ms, s, m, h and d are known, set by the program");
}

#[test]
fn bad_yaml() {
    let refused = |text| refused("drivers.yaml", text);
    insta::assert_snapshot!(refused("server: a\n\nintervall: 5\n"), @"
    unknown key `intervall`, at drivers.yaml:3
    help: did you mean `interval`?
    marked: intervall
    ");
    insta::assert_snapshot!(refused("# größer\nserver: a\nconsole_port: hoch\n"), @r#"
    `console_port` must be a port number, not the text "hoch", at drivers.yaml:3
    marked: hoch
    "#);
    insta::assert_snapshot!(refused("- server\n- b\n"), @"
    `drivers.yaml` must be a table of options, not a list, at drivers.yaml:1
    marked: - server
    ");
    insta::assert_snapshot!(refused("just words\n"), @r#"
    `drivers.yaml` must be a table of options, not the text "just words", at drivers.yaml:1
    marked: just words
    "#);
    insta::assert_snapshot!(refused("server: [a\nb: c\n"), @"
    this is no YAML: illegal placement of ':' indicator, at drivers.yaml:2
    marked:
    ");
    insta::assert_snapshot!(refused("server: a\nserver: b\n"), @"
    `server` is given twice, at drivers.yaml:2
    marked: server
    ");
    insta::assert_snapshot!(refused("server: a\n---\nserver: b\n"), @"
    this is no YAML: a second document: a config file is one, at drivers.yaml:2
    marked: ---
    ");
    insta::assert_snapshot!(refused("worker_options:\n  GLOBAL:\n    - a\n    - b\n"), @"
    `worker_options.GLOBAL` must be a table of options, not a list, at drivers.yaml:3
    marked: - a
    ");
    insta::assert_snapshot!(refused("? [a]\n: b\n"), @"
    this is no YAML: a key that is a list or a table, at drivers.yaml:1
    marked: [
    ");
    insta::assert_snapshot!(refused("logfile:\n"), @"
    `logfile` must be a path, not nothing, at drivers.yaml:1
    marked:
    ");
    insta::assert_snapshot!(refused("server: *nowhere\n"), @"
    this is no YAML: while parsing node, found unknown anchor, at drivers.yaml:1
    marked:
    ");
    insta::assert_snapshot!(
        refused("job_runtime_attributes:\n  'My::Worker::job': {max_processes: 2, min_processes: 3}\n"),
        @"
    job `My::Worker::job`: max_processes (2) is below min_processes (3), at drivers.yaml:2
    marked: 2
    "
    );
}

#[test]
fn other_formats_and_large_files_are_refused() {
    insta::assert_snapshot!(refused("drivers.json", "{}"), @"
    config file `drivers.json` is neither .toml nor .yaml nor .yml, on the command line
    help: give the file a name that ends in .toml, .yaml or .yml
    ");
    insta::assert_snapshot!(refused("drivers", ""), @"
    config file `drivers` is neither .toml nor .yaml nor .yml, on the command line
    help: give the file a name that ends in .toml, .yaml or .yml
    ");
    insta::assert_snapshot!(refused("a.toml", &"#".repeat(MAX_FILE_SIZE + 1)), @"cannot read config file `a.toml`: it is larger than 1024 KiB, on the command line");
}

#[test]
fn yaml_bombs_are_refused_soon() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        laughs += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
    }
    insta::assert_snapshot!(file("a.yaml", &laughs).unwrap_err(), @"this is no YAML: more than 50000 values, at a.yaml:5");
    for deep in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(1000), "? ".repeat(1000)] {
        let error = file("a.yaml", &deep).unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { .. }), "{error}");
    }
    let deep = format!("worker_options.a.b = {}{}", "[".repeat(70), "]".repeat(70));
    insta::assert_snapshot!(file("a.toml", &deep).unwrap_err(), @"this is no TOML: nested deeper than 32 levels, at a.toml:1");
}
