use std::path::Path;

use gearman_driver_core::config::{Layer, Origin};

use super::*;

fn error(name: &str, text: &str) -> ConfigError {
    Layer::from_file(Path::new(name), text, &Origin::CommandLine).unwrap_err()
}

/// Drawn without colours, and without the white space that ends some lines.
fn fancy(error: &ConfigError) -> String {
    let drawn = draw("gearman-driver", error, false).unwrap();
    drawn.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn unknown_key() {
    let text = "# drivers of this host\nserver = \"localhost\"\n\nintervall = 5\nlogfile = \"-\"\n";
    insta::assert_snapshot!(fancy(&error("drivers.toml", text)), @r#"
    gearman-driver: the configuration is refused
    config::unknown

      × unknown key `intervall`
       ╭─[drivers.toml:4:1]
     3 │
     4 │ intervall = 5
       · ─────────
     5 │ logfile = "-"
       ╰────
      help: did you mean `interval`?
    "#);
}

#[test]
fn wrong_type() {
    insta::assert_snapshot!(fancy(&error("drivers.yaml", "# größer\nserver: a\nconsole_port: hoch\n")), @r#"
    gearman-driver: the configuration is refused
    config::wrong_type

      × `console_port` must be a port number, not the text "hoch"
       ╭─[drivers.yaml:3:15]
     2 │ server: a
     3 │ console_port: hoch
       ·               ────
       ╰────
    "#);
}

#[test]
fn wrong_item_of_a_list() {
    insta::assert_snapshot!(fancy(&error("drivers.toml", "namespaces = [\n  \"a\",\n  1,\n]\n")), @r#"
    gearman-driver: the configuration is refused
    config::wrong_type

      × `namespaces` must be a list of texts, not a list with the number 1 in it
       ╭─[drivers.toml:3:3]
     2 │   "a",
     3 │   1,
       ·   ─
     4 │ ]
       ╰────
    "#);
}

#[test]
fn wrong_duration() {
    insta::assert_snapshot!(fancy(&error("drivers.toml", "max_idle_time = \"5min\"\n")), @r#"
    gearman-driver: the configuration is refused
    config::invalid

      × `max_idle_time`: `5min` has the unknown unit `min`: ms, s, m, h and d are known
       ╭─[drivers.toml:1:17]
     1 │ max_idle_time = "5min"
       ·                 ──────
       ╰────
    "#);
}

#[test]
fn wrong_layout() {
    insta::assert_snapshot!(fancy(&error("drivers.toml", "loglayout = \"[%d] %T %m\"\n")), @r#"
    gearman-driver: the configuration is refused
    config::invalid

      × `loglayout`: Log4perl's `%T` (a stack trace) is not supported, at column 6 of the log layout
       ╭─[drivers.toml:1:13]
     1 │ loglayout = "[%d] %T %m"
       ·             ────────────
       ╰────
      help: known are %d %p %m %c %P %H %r %n and %%
            [%d] %T %m
                 ^^
    "#);
}

#[test]
fn min_over_max() {
    let text = "[job_runtime_attributes.resize]\nmin_processes = 5\nmax_processes = 2\n";
    insta::assert_snapshot!(fancy(&error("drivers.toml", text)), @"
    gearman-driver: the configuration is refused
    config::min_over_max

      × job `resize`: max_processes (2) is below min_processes (5)
       ╭─[drivers.toml:3:17]
     2 │ min_processes = 5
     3 │ max_processes = 2
       ·                 ─
       ╰────
    ");
}

#[test]
fn not_yet() {
    insta::assert_snapshot!(fancy(&error("drivers.toml", "[[job]]\nname = \"thumbnail\"\ncommand = [\"./thumb.sh\"]\n")), @r#"
    gearman-driver: the configuration is refused
    config::not_yet

      × `[[job]]`: not yet: commands as jobs come with a later release
       ╭─[drivers.toml:1:3]
     1 │ [[job]]
       ·   ───
     2 │ name = "thumbnail"
       ╰────
      help: leave it out until then
    "#);
}

#[test]
fn no_toml() {
    insta::assert_snapshot!(fancy(&error("drivers.toml", "server = \"a\"\nlogfile: x\n")), @r#"
    gearman-driver: the configuration is refused
    config::syntax

      × this is no TOML: key with no value, expected `=`
       ╭─[drivers.toml:2:10]
     1 │ server = "a"
     2 │ logfile: x
       ·          ▲
       ╰────
    "#);
}

#[test]
fn no_yaml() {
    insta::assert_snapshot!(fancy(&error("drivers.yaml", "server: [a\nb: c\n")), @"
    gearman-driver: the configuration is refused
    config::syntax

      × this is no YAML: illegal placement of ':' indicator
       ╭─[drivers.yaml:2:2]
     1 │ server: [a
     2 │ b: c
       ·  ▲
       ╰────
    ");
}

#[test]
fn without_a_file() {
    let variables = [("GEARMAN_DRIVER_SEVER".to_owned(), "a".to_owned())];
    insta::assert_snapshot!(fancy(&Layer::from_environment(variables).unwrap_err()), @"
    gearman-driver: the configuration is refused
    config::unknown

      × unknown environment variable `GEARMAN_DRIVER_SEVER`, from GEARMAN_DRIVER_SEVER
      help: did you mean `GEARMAN_DRIVER_SERVER`?
    ");
}

#[test]
fn a_name_of_no_known_format() {
    insta::assert_snapshot!(fancy(&error("drivers.json", "{}")), @"
    gearman-driver: the configuration is refused
    config::unknown_format

      × config file `drivers.json` is neither .toml nor .yaml nor .yml, on the command line
      help: give the file a name that ends in .toml, .yaml or .yml
    ");
}

#[test]
fn colours_only_where_wanted() {
    let error = error("drivers.toml", "x = 1");
    assert!(draw("p", &error, true).unwrap().contains('\u{1b}'));
    assert!(!draw("p", &error, false).unwrap().contains('\u{1b}'));
}
