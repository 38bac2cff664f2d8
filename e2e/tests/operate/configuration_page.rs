//! docs/configuration.md: the options, from their registry, and how sources are read, with examples that are parsed here.

use std::fmt::Write as _;
use std::path::Path;

use e2e::assert_page;
use gearman_driver_core::config::{Changes, Config, JOB_ATTRIBUTES, Layer, OPTIONS, OptionSpec, Origin, Takes};

const TOP: &str = "\
# Configuration

Written by a test from the registry of options (`crates/gearman-driver-core/src/config/registry.rs`).

A setting may stand in several places. The first of these that has it counts:

1. the command line, for programs that are made with `Driver::from_args()`, as the command `gearman-driver` is
2. the environment
3. config files; of several, the one that is named last
4. what the program sets with the builder
5. the default

A list (`namespaces`, `lib`) is one setting: a stronger source replaces it whole. `worker_options` are joined option by
option, `job_runtime_attributes` bound by bound. Which config files are read is decided in the same way: those named on
the command line (`--configfile`, repeatable), else those in `GEARMAN_DRIVER_CONFIGFILE` (separated by commas), else those
of the builder.

`gearman-driver check` reads all of this, loads the workers, lists their jobs and touches nothing.

## Config files

TOML (`.toml`) or YAML (`.yaml`, `.yml`). The keys are the names of the options, with `_` or `-`. An unknown key, a value of
the wrong type and a key that is given twice stop the start, with file and line, and the key that was probably meant.

";

const BETWEEN: &str = "\nThe same in YAML:\n\n";

const TOML: &str = r#"server = ["localhost:4730", "otherhost:4731"]   # or "localhost:4730,otherhost:4731"
namespaces = ["my_app::workers"]
interval = 1.5
max_idle_time = "5m"
logfile = "/var/log/my_app.log"
loglevel = "WARN"

# What the workers' constructors get: GLOBAL is for all, and what is under a worker's type path wins.
[worker_options.GLOBAL]
database = "postgres:///my_app"

[worker_options."my_app::workers::image::Image"]
model = "/srv/model.bin"

# What wins over the code (below): type path :: method or process group, or the job's name in the console.
[job_runtime_attributes."my_app::workers::image::Image::scale_image"]
min_processes = 2
max_processes = 20
timeout = "30s"
max_memory = "100MB"
"#;

const YAML: &str = r#"server: localhost:4730,otherhost:4731
namespaces:
  - my_app::workers
interval: 1.5
max_idle_time: 5m
logfile: /var/log/my_app.log
loglevel: WARN

worker_options:
  GLOBAL:
    database: postgres:///my_app
  my_app::workers::image::Image:
    model: /srv/model.bin

job_runtime_attributes:
  my_app::workers::image::Image::scale_image:
    min_processes: 2
    max_processes: 20
    timeout: 30s
    max_memory: 100MB
"#;

const OPTIONS_HEAD: &str = "
## Options

On the command line each option is spelled as here, or with `_` for `-`; in config files and on the builder with `_`. Of a
value that is given twice the last one counts.

- DURATION is `5`, `0.5`, `500ms`, `5s`, `5m`, `1h`, `2d`; a bare number is seconds.
- What is repeatable is a list: in the environment separated by commas, in config files a list, or one text.
- A change takes effect by a *reload*, or at the next *start* of the driver; the log says so where it waits for one.
";

const ATTRIBUTES_HEAD: &str = "
## Attributes of jobs

What `job_runtime_attributes` may say of a job, over what its code says. SIZE is `100MB`, `1.5GiB`, or a number of bytes.
From `user` on they are what only the operator may say ([A job with fewer rights](operations.md#a-job-with-fewer-rights));
a list or table among them is one setting, which a stronger source replaces whole.

| attribute | takes | meaning |
| --- | --- | --- |
";

const LATER_HEAD: &str = "
## Not yet

These names are reserved: giving one is an error that says \"not yet\".
";

fn config(name: &str, text: &str) -> Config {
    Layer::merge([Layer::from_file(Path::new(name), text, &Origin::CommandLine).unwrap()]).unwrap()
}

#[test]
fn the_examples_say_the_same() {
    let (toml, yaml) = (config("a.toml", TOML), config("a.yaml", YAML));
    // All but where it stands.
    let said = |config: &Config| {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            config.server.value,
            config.namespaces,
            config.interval,
            config.max_idle_time,
            config.logfile,
            config.loglevel,
            config.worker_options,
            config.job_runtime_attributes
        )
    };
    assert_eq!(said(&toml), said(&yaml));
    assert_eq!(toml.interval.as_millis(), 1500);
    assert_eq!(toml.job_runtime_attributes.len(), 1);
    assert_eq!(toml.worker_options.len(), 2);
}

fn row(option: &OptionSpec) -> String {
    let takes = match option.takes {
        Takes::Value(value) => format!("`{value}`"),
        Takes::List(value) => format!("`{value}`, repeatable"),
        _ => "nothing".to_owned(),
    };
    let default = option.default.map(|default| format!("`{default}`")).unwrap_or_default();
    // Said in its own column.
    let meaning = option.help.replace(" Repeatable.", "").replace(" Repeatable, later", " Later").replace('|', "\\|");
    let not_in_files = if option.in_files { "" } else { " Not in config files." };
    let takes = takes.replace('|', "\\|");
    let changes = match option.changes {
        Changes::ByReload => "reload",
        _ => "start",
    };
    let (name, variable) = (option.dashed(), option.environment());
    format!("| `--{name}` | `{variable}` | {takes} | {default} | {changes} | {meaning}{not_in_files} |")
}

fn table(page: &mut String, options: impl Iterator<Item = &'static OptionSpec>) {
    page.push_str(
        "\n| option | environment | takes | default | changes by | meaning |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for option in options {
        let _ = writeln!(page, "{}", row(option));
    }
}

#[test]
fn the_page_lists_every_option() {
    let mut page = format!("{TOP}```toml\n{TOML}```\n{BETWEEN}```yaml\n{YAML}```\n{OPTIONS_HEAD}");
    table(&mut page, OPTIONS.iter().filter(|option| option.is_ready()));
    page.push_str(ATTRIBUTES_HEAD);
    for attribute in JOB_ATTRIBUTES {
        let _ = writeln!(page, "| `{}` | `{}` | {} |", attribute.name, attribute.takes, attribute.help);
    }
    let later: Vec<&OptionSpec> = OPTIONS.iter().filter(|option| !option.is_ready()).collect();
    if !later.is_empty() {
        page.push_str(LATER_HEAD);
        table(&mut page, later.into_iter());
    }
    assert_page("configuration.md", &page);
}
