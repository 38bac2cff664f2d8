use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::*;

/// `load_config` with files held in memory, and a command line without subcommand: `--OPTION VALUE ..`.
fn load(
    args: &str,
    environment: &[(&str, &str)],
    files: &[(&str, &str)],
    builder: Layer,
) -> Result<Config, ConfigError> {
    let words: Vec<&str> = args.split_whitespace().collect();
    let mut given: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in words.chunks_exact(2) {
        given.entry(pair[0].trim_start_matches('-')).or_default().push(pair[1]);
    }
    let mut command_line = Layer::new();
    for (option, values) in given {
        command_line.set_list(option, &values, Origin::CommandLine).unwrap();
    }
    let files: BTreeMap<PathBuf, String> =
        files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
    let read = |path: &Path| files.get(path).cloned().ok_or(io::ErrorKind::NotFound.into());
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
    load_config(command_line, environment, &read, builder)
}

#[test]
fn precedence_from_the_command_line_down() {
    let mut builder = Layer::new();
    for (name, text) in [("server", "builder"), ("loglevel", "ERROR"), ("max_idle_time", "9")] {
        builder.set(name, text, Origin::Builder).unwrap();
    }
    let config = load(
        "--interval 1 --configfile a.toml --configfile dir/b.yaml",
        &[("GEARMAN_DRIVER_INTERVAL", "2"), ("GEARMAN_DRIVER_CONSOLE_PORT", "2")],
        &[
            ("a.toml", "interval = 3\nconsole_port = 3\nserver = 'a'\nlogfile = 'a.log'"),
            ("dir/b.yaml", "interval: 4\nconsole_port: 4\nserver: b\n"),
        ],
        builder,
    )
    .unwrap();
    assert_eq!(config.interval, Duration::from_secs(1));
    assert_eq!(config.console_port, 2);
    assert_eq!(config.server.value, "b");
    assert_eq!(config.server.origin.to_string(), "at dir/b.yaml:3");
    assert_eq!(config.logfile, Path::new("a.log"));
    assert_eq!(config.loglevel.name(), "ERROR");
    assert_eq!(config.max_idle_time, Duration::from_secs(9));
    assert_eq!(config.console_host, "127.0.0.1");
}

#[test]
fn config_files_of_the_highest_source_are_read() {
    let files = [("a.toml", "interval = 1"), ("b.toml", "interval = 2"), ("c.toml", "interval = 3")];
    let mut builder = Layer::new();
    builder.set("configfile", "c.toml", Origin::Builder).unwrap();
    let interval =
        |args, environment: &[_]| load(args, environment, &files, builder.clone()).unwrap().interval.as_secs();
    assert_eq!(interval("--configfile a.toml", &[("GEARMAN_DRIVER_CONFIGFILE", "b.toml")]), 1);
    assert_eq!(interval("", &[("GEARMAN_DRIVER_CONFIGFILE", "b.toml")]), 2);
    assert_eq!(interval("", &[("GEARMAN_DRIVER_CONFIGFILE", "b.toml,a.toml")]), 1);
    assert_eq!(interval("", &[]), 3);
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let refused = |args, environment, files| load(args, environment, files, Layer::new()).unwrap_err().to_string();
    insta::assert_snapshot!(refused("--configfile away.toml", &[], &[]), @"cannot read config file `away.toml`: entity not found, on the command line");
    insta::assert_snapshot!(refused("", &[("GEARMAN_DRIVER_CONFIGFILE", "a.json")], &[("a.json", "")]), @"config file `a.json` is neither .toml nor .yaml nor .yml, from GEARMAN_DRIVER_CONFIGFILE");
    insta::assert_snapshot!(refused("", &[("GEARMAN_DRIVER_INTERVALL", "1")], &[]), @"unknown environment variable `GEARMAN_DRIVER_INTERVALL`, from GEARMAN_DRIVER_INTERVALL");
    insta::assert_snapshot!(refused("--configfile a.toml", &[], &[("a.toml", "\nhttp = ':80'")]), @"`http`: not yet: a later release has this option (the address of the dashboard, metrics and API), at a.toml:2");
}

#[cfg(unix)]
#[test]
fn values_that_are_no_text_are_refused_only_where_they_are_ours() {
    use std::os::unix::ffi::OsStringExt as _;
    let bad = || OsString::from_vec(vec![0xff]);
    let load = |name: OsString| {
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        load_config(Layer::new(), [(name, bad())], &read, Layer::new())
    };
    load("OTHER".into()).unwrap();
    load(bad()).unwrap();
    load("GEARMAN_DRIVER_ROLE_FD".into()).unwrap();
    insta::assert_snapshot!(load("GEARMAN_DRIVER_SERVER".into()).unwrap_err(), @"`GEARMAN_DRIVER_SERVER`: the value is not UTF-8 text, from GEARMAN_DRIVER_SERVER");
}

#[test]
fn files_are_read_up_to_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.toml");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read_config_file(&path).map_err(|error| error.to_string())
    };
    assert_eq!(read(b"interval = 1").unwrap(), "interval = 1");
    assert_eq!(read(&[0xff]).unwrap_err(), "it is not UTF-8 text");
    assert_eq!(read(&vec![b'#'; MAX_FILE_SIZE + 1]).unwrap_err(), "it is larger than 1024 KiB");
    assert!(read_config_file(dir.path()).is_err());
}
