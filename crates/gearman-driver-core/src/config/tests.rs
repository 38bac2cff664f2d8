//! The promises of the whole path, from texts to a [`Config`]. What each file decides alone is tested there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::level::Level;

mod bad_input;

fn file(name: &str, text: &str) -> Result<Layer, ConfigError> {
    Layer::from_file(Path::new(name), text, &Origin::CommandLine)
}

fn toml(text: &str) -> Layer {
    file("drivers.toml", text).unwrap()
}

fn yaml(text: &str) -> Layer {
    file("drivers.yaml", text).unwrap()
}

fn environment(variables: &[(&str, &str)]) -> Result<Layer, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Layer::from_environment(variables)
}

fn set(name: &str, text: &str, origin: Origin) -> Layer {
    let mut layer = Layer::new();
    layer.set(name, text, origin).unwrap();
    layer
}

/// The one line, the help, and the text that is underlined.
fn report(error: &ConfigError) -> String {
    let help = error.help().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let marked =
        error.label().map(|label| format!("\nmarked: {}", &label.source_text[label.range.clone()])).unwrap_or_default();
    assert_eq!(error.to_string(), format!("{}, {}", error.message(), error.place()));
    format!("{error}{help}{marked}")
}

fn refused(name: &str, text: &str) -> String {
    report(&file(name, text).unwrap_err())
}

#[test]
fn without_anything_the_originals_defaults() {
    let config = Layer::merge([]).unwrap();
    assert_eq!(config.server, Sourced::new("localhost:4730".to_owned(), Origin::Default));
    assert_eq!(config.console_port, 47300);
    assert_eq!(config.console_host, "127.0.0.1");
    assert_eq!(config.interval, Duration::from_secs(5));
    assert_eq!(config.max_idle_time, Duration::ZERO);
    assert_eq!(config.logfile, Path::new("gearman_driver.log"));
    assert_eq!(config.loglayout.pattern(), "[%d] %p %m%n");
    assert_eq!(config.loglevel, Level::Info);
    assert_eq!(config.shutdown_timeout, Duration::from_secs(25));
    assert_eq!((config.poison_limit, config.state_dir), (3, None));
    assert_eq!(config.scaling.name(), "classic");
    assert!(config.namespaces.is_empty() && config.lib.is_empty());
    assert!(config.worker_options.is_empty() && config.job_runtime_attributes.is_empty());
}

#[test]
fn the_registry_is_consistent() {
    for spec in OPTIONS {
        assert!(spec.help.ends_with('.') && !spec.help.contains('\n'), "{}", spec.name);
        assert_eq!(find_option(&spec.dashed()).map(|found| found.name), Some(spec.name));
        assert_eq!(OPTIONS.iter().filter(|other| other.name == spec.name).count(), 1);
        if let (Some(default), true) = (spec.default, spec.is_ready()) {
            spec.check(default).unwrap();
        }
    }
}

#[test]
fn an_option_that_is_not_ready_is_refused_everywhere() {
    for spec in OPTIONS.iter().filter(|spec| !spec.is_ready()) {
        let name = spec.name;
        let errors = [
            file("a.toml", &format!("{name} = \"x\"")).unwrap_err(),
            file("a.yaml", &format!("{name}: x")).unwrap_err(),
            environment(&[(&spec.environment(), "x")]).unwrap_err(),
            Layer::new().set(name, "x", Origin::Builder).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, ConfigError::NotYet { .. }), "{error}");
            assert!(error.to_string().contains("not yet"), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    insta::assert_snapshot!(refused("a.toml", "interval = 1\nhttp = \"127.0.0.1:8080\""), @"
    `http`: not yet: a later release has this option (the address of the dashboard, metrics and API), at a.toml:2
    help: leave it out until then
    marked: http
    ");
    insta::assert_snapshot!(refused("a.toml", "[[job]]\nname = \"thumbnail\""), @"
    `[[job]]`: not yet: commands as jobs come with a later release, at a.toml:1
    help: leave it out until then
    marked: job
    ");
}

#[test]
fn a_flag_that_is_off_wins_over_one_that_is_on_further_down() {
    let on = || toml("daemonize = true");
    for off in
        [yaml("daemonize: 0"), toml("daemonize = false"), environment(&[("GEARMAN_DRIVER_DAEMONIZE", "")]).unwrap()]
    {
        assert!(!Layer::merge([off, on()]).unwrap().daemonize);
    }
    for on in [on(), yaml("daemonize: 1"), environment(&[("GEARMAN_DRIVER_DAEMONIZE", "yes")]).unwrap()] {
        assert!(Layer::merge([on]).unwrap().daemonize);
    }
    insta::assert_snapshot!(refused("a.toml", "daemonize = \"perhaps\""), @r#"
    `daemonize` must be true or false, not the text "perhaps", at a.toml:1
    marked: "perhaps"
    "#);
    insta::assert_snapshot!(environment(&[("GEARMAN_DRIVER_DAEMONIZE", "2")]).unwrap_err(), @"`daemonize`: `2` is neither on nor off: write true or false, from GEARMAN_DRIVER_DAEMONIZE");
}

#[test]
fn options_of_the_process_have_no_default_and_are_read_everywhere() {
    let config = Layer::merge([]).unwrap();
    assert_eq!((config.pidfile, config.user, config.group, config.name), (None, None, None, None));
    assert!(config.unknown_job_command.is_empty());
    let config = Layer::merge([toml(
        "pidfile = '/run/d.pid'\nuser = 'www'\ngroup = 'adm'\nname = 'blue-1'\nlog_format = 'json'\n\
         unknown_job_command = ['./notify', 'a b']",
    )])
    .unwrap();
    assert_eq!(config.pidfile.as_deref(), Some(Path::new("/run/d.pid")));
    assert_eq!(config.name.as_deref(), Some("blue-1"));
    assert_eq!(config.log_format, crate::log_entry::LogFormat::Json);
    assert_eq!(config.unknown_job_command, ["./notify", "a b"]);
    let command = set("unknown_job_command", "./notify 'a b' c", Origin::CommandLine);
    assert_eq!(Layer::merge([command]).unwrap().unknown_job_command, ["./notify", "a b", "c"]);
    insta::assert_snapshot!(refused("a.toml", "name = 'a b'"), @"
    `name`: `a b` is no driver's name: 1 to 32 letters, digits and `_`, `-`, `.` are, at a.toml:1
    marked: 'a b'
    ");
    insta::assert_snapshot!(refused("a.toml", "log_format = 'jsn'"), @"
    `log_format`: `jsn` is no log format: `layout` or `json` is, at a.toml:1
    help: did you mean `json`?
    marked: 'jsn'
    ");
    insta::assert_snapshot!(refused("a.toml", "unknown_job_command = \"sh -c 'x\""), @r#"
    `unknown_job_command`: the quote ' is not closed, at a.toml:1
    marked: "sh -c 'x"
    "#);
    insta::assert_snapshot!(refused("a.toml", "unknown_job_command = []"), @"
    `unknown_job_command`: no command is given, at a.toml:1
    marked: []
    ");
}

#[test]
fn a_count_is_digits_in_bounds() {
    assert_eq!(Layer::merge([toml("poison_limit = 0")]).unwrap().poison_limit, 0);
    assert_eq!(Layer::merge([set("poison_limit", "5", Origin::CommandLine)]).unwrap().poison_limit, 5);
    insta::assert_snapshot!(refused("a.toml", "poison_limit = -1"), @"
    `poison_limit`: -1 is out of range, which is 0 to 1000000, at a.toml:1
    marked: -1
    ");
    insta::assert_snapshot!(refused("a.yaml", "poison_limit: three"), @r#"
    `poison_limit` must be a whole number, not the text "three", at a.yaml:1
    marked: three
    "#);
    let error = Layer::new().set("poison_limit", "+3", Origin::CommandLine).unwrap_err();
    insta::assert_snapshot!(error, @"`poison_limit`: `+3` is no whole number: 0 to 1000000 is, on the command line");
}

#[test]
fn toml_and_yaml_say_the_same() {
    let from_toml = toml(
        r#"
        server = "a:1,b"
        namespaces = ["my_app::workers"]
        console-port = 0
        interval = 0.5
        max_idle_time = "5m"
        [worker_options.GLOBAL]
        model = "x"
        [worker_options."my_app::workers::Image"]
        sizes = [1, 2.5, { deep = true }]
        [job_runtime_attributes]
        "my_app::workers::Image::scale" = { min_processes = 2, max-processes = 5 }
        "#,
    );
    let from_yaml = yaml(
        r"
server: 'a:1,b'
namespaces:
  - my_app::workers
console-port: 0
interval: 0.5
max_idle_time: 5m
worker_options:
  GLOBAL: {model: x}
  my_app::workers::Image:
    sizes: [1, 2.5, {deep: true}]
job_runtime_attributes:
  'my_app::workers::Image::scale':
    min_processes: 2
    max-processes: 5
",
    );
    let a = Layer::merge([from_toml]).unwrap();
    let b = Layer::merge([from_yaml]).unwrap();
    assert_eq!(a.server.value, "a:1,b");
    assert_eq!(a.namespaces, ["my_app::workers"]);
    assert_eq!(a.console_port, 0);
    assert_eq!(a.interval, Duration::from_millis(500));
    assert_eq!(a.max_idle_time, Duration::from_secs(300));
    assert_eq!(
        serde_json::to_string(&a.worker_options).unwrap(),
        r#"{"GLOBAL":{"model":"x"},"my_app::workers::Image":{"sizes":[1,2.5,{"deep":true}]}}"#
    );
    assert_eq!(
        a.job_runtime_attributes["my_app::workers::Image::scale"],
        RuntimeAttributes { min_processes: Some(2), max_processes: Some(5), ..RuntimeAttributes::default() }
    );
    assert_eq!(a.worker_options, b.worker_options);
    assert_eq!(a.job_runtime_attributes, b.job_runtime_attributes);
    assert_eq!((a.server.value, a.namespaces, a.interval), (b.server.value, b.namespaces, b.interval));
}

#[test]
fn the_originals_yaml_is_read() {
    let layer = yaml(
        "---
# as in the documentation of Gearman::Driver
server: localhost:4730
namespaces: [My::Workers]
console_port: 47300
interval: 5
loglayout: '[%d] %p %m%n'
loglevel: DEBUG
logfile: '-'
lib: [./lib]
worker_options:
  GLOBAL: {config: /etc/app.yml}
  My::Workers::One: {verbose: 1}
job_runtime_attributes:
  My::Workers::One::scale_image: {min_processes: 3, max_processes: 5}
  My::Workers::One::group:
    min_processes: 0
",
    );
    let config = Layer::merge([layer]).unwrap();
    assert_eq!(config.loglevel, Level::Debug);
    assert_eq!(config.logfile, Path::new("-"));
    assert_eq!(config.lib, [Path::new("./lib")]);
    let group = &config.job_runtime_attributes["My::Workers::One::group"];
    assert_eq!(*group, RuntimeAttributes { min_processes: Some(0), ..RuntimeAttributes::default() });
}

#[test]
fn servers_may_be_a_list_in_files() {
    assert_eq!(toml("server = ['a', 'b:1']").server.unwrap().value, "a,b:1");
    assert_eq!(yaml("server: [a, 'b:1']").server.unwrap().value, "a,b:1");
}

#[test]
fn an_empty_file_says_nothing() {
    for (name, text) in [("a.toml", ""), ("a.yaml", ""), ("a.yml", "---\n"), ("a.yaml", "# nothing\n")] {
        assert_eq!(file(name, text), Ok(Layer::new()), "{name} {text:?}");
    }
    assert_eq!(yaml("worker_options:\njob_runtime_attributes:\n"), Layer::new());
}

#[test]
fn the_environment_is_read() {
    let layer = environment(&[
        ("PATH", "/bin"),
        ("GEARMAN_DRIVER_ROLE_FD", "3"),
        ("GEARMAN_DRIVER_NAMESPACES", "a::b, c"),
        ("GEARMAN_DRIVER_LIB", ""),
        ("GEARMAN_DRIVER_CONSOLE_PORT", "0"),
    ])
    .unwrap();
    let origin = |name: &str| Origin::Environment(format!("GEARMAN_DRIVER_{name}"));
    assert_eq!(layer.console_port, Some(Sourced::new(0, origin("CONSOLE_PORT"))));
    let namespaces = vec!["a::b".to_owned(), "c".to_owned()];
    assert_eq!(layer.namespaces, Some(Sourced::new(namespaces, origin("NAMESPACES"))));
    assert_eq!(layer.lib, Some(Sourced::new(Vec::new(), origin("LIB"))));
}

#[test]
fn the_higher_layer_wins() {
    let command_line = set("interval", "1", Origin::CommandLine);
    let environment =
        environment(&[("GEARMAN_DRIVER_INTERVAL", "2"), ("GEARMAN_DRIVER_NAMESPACES", "from::environment")]).unwrap();
    let config_file = toml("\ninterval = 3\nnamespaces = ['a', 'b']\nloglevel = 'debug'\nlogfile = 'f.log'");
    let mut builder = set("loglevel", "ERROR", Origin::Builder);
    builder.set("shutdown_timeout", "3s", Origin::Builder).unwrap();

    let config = Layer::merge([command_line, environment, config_file, builder]).unwrap();

    assert_eq!(config.interval, Duration::from_secs(1));
    assert_eq!(config.namespaces, ["from::environment"]);
    assert_eq!(config.loglevel, Level::Debug);
    assert_eq!(config.shutdown_timeout, Duration::from_secs(3));
    let origin = |name| config.origin(name).to_string();
    assert_eq!(origin("interval"), "on the command line");
    assert_eq!(origin("namespaces"), "from GEARMAN_DRIVER_NAMESPACES");
    assert_eq!(origin("logfile"), "at drivers.toml:5");
    assert_eq!(origin("shutdown_timeout"), "set by the program");
    assert_eq!(origin("console_port"), "by default");
    assert_eq!(origin("lib"), "by default");
}

#[test]
fn what_can_change_only_at_a_start_is_told_of_two_configurations() {
    let said = |text: &str, origin: Origin| {
        let mut layer = toml(text);
        layer.set("pidfile", "a.pid", origin).unwrap();
        Layer::merge([layer]).unwrap()
    };
    let before = said("console_port = 47300\nloglevel = 'INFO'\nscaling = 'classic'", Origin::CommandLine);
    let elsewhere = said("", Origin::Builder);
    assert_eq!(elsewhere.differs_until_start(&before), Vec::<&str>::new(), "the same, said elsewhere or by default");
    let after = said("console_port = 1\nloglevel = 'DEBUG'\nname = 'blue'\ninterval = 1", Origin::CommandLine);
    assert_eq!(after.differs_until_start(&before), ["console_port", "name"]);
    assert_eq!(before.differs_until_start(&after), ["console_port", "name"], "also what is not said any more");
}

#[test]
fn what_is_set_for_nothing_is_told() {
    let warnings = |layer: Layer| Layer::merge([layer]).unwrap().warnings();
    assert_eq!(warnings(Layer::new()), Vec::<String>::new());
    assert_eq!(warnings(set("interval", "1", Origin::CommandLine)), Vec::<String>::new());
    insta::assert_snapshot!(warnings(toml("lib = ['a', '/b']")).join("\n"), @"--lib a --lib /b: nothing is looked for there: Rust workers are linked into the program; the option is for hosts of other languages, which are not there yet, at drivers.toml:1");
}

#[test]
fn worker_options_and_job_attributes_merge_by_key() {
    let later = toml("worker_options.A.x = 1\njob_runtime_attributes.A.min_processes = 2");
    let earlier = toml(
        "worker_options.A = { x = 9, y = 2 }\nworker_options.B.z = 3\njob_runtime_attributes.A = { min_processes = 0, max_processes = 4 }",
    );
    let mut builder = Layer::new();
    builder.set_worker_option("GLOBAL", "w", 0.into(), Origin::Builder);
    builder.set_runtime_attribute("C", "max_processes", &7.into(), Origin::Builder).unwrap();

    let config = Layer::merge([later, earlier, builder]).unwrap();

    assert_eq!(
        serde_json::to_string(&config.worker_options).unwrap(),
        r#"{"A":{"x":1,"y":2},"B":{"z":3},"GLOBAL":{"w":0}}"#
    );
    assert_eq!(
        config.job_runtime_attributes["A"],
        RuntimeAttributes { min_processes: Some(2), max_processes: Some(4), ..RuntimeAttributes::default() }
    );
    assert_eq!(config.job_runtime_attributes["C"].max_processes, Some(7));
    assert_eq!(config.origin("worker_options.B").to_string(), "at drivers.toml:2");
    assert_eq!(config.origin("job_runtime_attributes.A").to_string(), "at drivers.toml:2");
}

#[test]
fn every_attribute_of_a_job_can_be_set_in_files_and_by_the_program() {
    let toml = toml(
        "job_runtime_attributes.A = { min-processes = 0, max_processes = 4, max_idle_time = 2.5, timeout = '30s', max_jobs = 1000, \
         max_age = '1h', max_memory = '100MB', jitter = 0.2, drain_timeout = 60, user = 'nobody', group = 33, \
         rlimits = { nofile = 1024, as = '2GB', core = [0, 'unlimited'] }, nice = -5, env_keep = ['PATH', 'LANG'], \
         env = { A = 'b', N = 1 }, no_new_privs = true }",
    );
    let expected = RuntimeAttributes {
        min_processes: Some(0),
        max_processes: Some(4),
        max_idle_time: Some(Duration::from_millis(2500)),
        timeout: Some(Duration::from_secs(30)),
        max_jobs: Some(1000),
        max_age: Some(Duration::from_secs(3600)),
        max_memory: Some(100_000_000),
        jitter: Some(0.2),
        drain_timeout: Some(Duration::from_secs(60)),
        user: Some("nobody".to_owned()),
        group: Some("33".to_owned()),
        rlimits: Some(BTreeMap::from(
            [
                ("nofile", Rlimit { soft: Some(1024), hard: Some(1024) }),
                ("as", Rlimit { soft: Some(2_000_000_000), hard: Some(2_000_000_000) }),
                ("core", Rlimit { soft: Some(0), hard: None }),
            ]
            .map(|(name, limit)| (name.to_owned(), limit)),
        )),
        nice: Some(-5),
        env_keep: Some(vec!["PATH".to_owned(), "LANG".to_owned()]),
        env: Some(BTreeMap::from([("A", "b"), ("N", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())))),
        no_new_privs: Some(true),
    };
    assert_eq!(Layer::merge([toml.clone()]).unwrap().job_runtime_attributes["A"], expected);
    let as_json = serde_json::json!({
        "min_processes": 0, "max_processes": 4, "max_idle_time": 2.5, "timeout": "30s", "max_jobs": 1000, "max_age": "1h",
        "max_memory": 100_000_000, "jitter": 0.2, "drain_timeout": 60, "user": "nobody", "group": "33",
        "rlimits": { "nofile": [1024, 1024], "as": 2_000_000_000, "core": [0, "unlimited"] }, "nice": -5,
        "env_keep": ["PATH", "LANG"], "env": { "A": "b", "N": 1 }, "no_new_privs": true
    });
    let mut builder = Layer::new();
    for (name, value) in as_json.as_object().unwrap() {
        builder.set_runtime_attribute("A", name, value, Origin::Builder).unwrap();
    }
    assert_eq!(Layer::merge([builder]).unwrap().job_runtime_attributes["A"], expected);
    assert_eq!(as_json.as_object().unwrap().len(), JOB_ATTRIBUTES.len(), "all of them");
}

#[test]
fn a_jobs_rights_are_settings_of_their_own() {
    let later = yaml("job_runtime_attributes:\n  A:\n    env: {X: new}\n    no_new_privs: 0\n    rlimits:\n");
    let earlier = toml("job_runtime_attributes.A = { user = 4711, env = { X = 'old', Y = 'old' }, rlimits.core = 0 }");
    let config = Layer::merge([later, earlier]).unwrap();
    let said = &config.job_runtime_attributes["A"];
    assert_eq!((said.user.as_deref(), said.no_new_privs), (Some("4711"), Some(false)));
    let env = said.env.as_ref().unwrap();
    assert_eq!(env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(), ["X=new"], "whole");
    assert_eq!(said.rlimits, Some(BTreeMap::new()));
}

#[test]
fn min_over_max_across_layers() {
    let later = toml("job_runtime_attributes.resize.min_processes = 5");
    let earlier = file("base.toml", "\njob_runtime_attributes.resize.max_processes = 2").unwrap();
    let error = Layer::merge([later, earlier]).unwrap_err();
    insta::assert_snapshot!(report(&error), @"job `resize`: max_processes (2) is below min_processes (5), at base.toml:2");
}

#[test]
fn aliases_are_values() {
    let layer = yaml("worker_options:\n  A: &shared {x: 1}\n  B: *shared\n");
    assert_eq!(layer.worker_options["A"]["x"].value, layer.worker_options["B"]["x"].value);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        for name in ["a.toml", "a.yaml"] {
            if let Err(error) = file(name, &text) {
                let _ = report(&error);
            }
        }
    }

    #[test]
    fn nearly_files_are_read_or_refused(
        text in "((server|interval|worker_options|job_runtime_attributes|ä)(: |=| = |\\.)([0-9]{0,3}|\"a\"|\\[1, 'é'\\]|\\{ ?a ?[:=] ?1\\}|&a|\\*a)\r?\n( {0,2}[a-z-]: ?)?){0,6}"
    ) {
        for name in ["a.toml", "a.yaml"] {
            if let Err(error) = file(name, &text) {
                let _ = report(&error);
            }
        }
    }
}
