//! The command line of a program that was made with `Driver::from_args`, and of the command
//! `gearman-driver`; and the way from there to a configuration.
//!
//! Decides how the options of [`OPTIONS`] look on the command line, which subcommands there are, and in
//! which order command line, environment, config files and builder are asked. What a value means is
//! decided in [`gearman_driver_core::config`]; running is the driver's.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use gearman_driver_core::config::{
    Config, ConfigError, ENVIRONMENT_PREFIX, Layer, MAX_FILE_SIZE, OPTIONS, OptionSpec, Origin, ROLE_PREFIX, Takes,
};

use crate::check::Names;
use crate::completions::Page;
use crate::embedded_server;
use crate::status;

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invocation {
    /// The subcommand.
    pub(crate) action: Action,
    /// The options that were given.
    pub(crate) layer: Layer,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the driver: `run`, or no subcommand.
    Run,
    /// Load everything, list the jobs, touch nothing: `check`.
    Check(Names),
    /// Ask running drivers: `status`.
    Status(status::Request),
    /// Write what a shell completes, or the manual page: `completions`.
    Completions(Page),
    /// A subcommand that the program itself has, behind options of the driver: it takes none of them.
    /// To be answered with exit code 2.
    Misplaced(String),
    /// A subcommand that is known, and comes with a later release. To be answered with "not yet: NAME"
    /// and exit code 2.
    NotYet(&'static str),
}

/// Subcommands that come with a later release.
const LATER: [&str; 6] = ["console", "top", "reload", "drain", "doctor", "import"];

/// The options that `status` takes: they say where the console is.
const STATUS_OPTIONS: [&str; 3] = ["console_port", "console_host", "configfile"];

const ABOUT: &str = "Runs Gearman workers, as many processes as the queues need.";

const AFTER_HELP: &str = "\
Durations are 5, 0.5, 500ms, 5s, 5m, 1h, 2d; a bare number is seconds.
Each option is also an environment variable (GEARMAN_DRIVER_INTERVAL, lists separated by commas) and a key \
of a config file; the command line wins over the environment, and that over config files.
Exit codes: 0 after a clean shutdown, 1 after a failure, 2 after wrong usage.";

/// Parses a command line whose first item is the program's name. `own` are subcommands that the program itself has,
/// and sees to before it comes here: they are shown in help.
///
/// # Errors
/// What is to be shown instead of running: wrong usage (exit code 2), help or version (exit code 0).
pub(crate) fn parse(args: impl Iterator<Item = OsString>, own: &[Command]) -> Result<Invocation, clap::Error> {
    let args: Vec<OsString> = args.collect();
    let mut command = command(&program_name(args.first()), own);
    let matches = command.try_get_matches_from_mut(args)?;
    let (action, below) = match matches.subcommand() {
        None => (Action::Run, None),
        Some(("check", below)) => {
            let file = |option| below.get_one::<PathBuf>(option).cloned();
            (Action::Check(Names { against: file("against"), write: file("write") }), Some(below))
        }
        Some(("status", below)) => (Action::Status(status_request(below)), Some(below)),
        Some(("completions", below)) => {
            let page = below.get_one::<Page>("shell").copied();
            (Action::Completions(page.expect("clap asks for it: it is required")), None)
        }
        Some((name, _)) if own.iter().any(|own| own.get_name() == name) => (Action::Misplaced(name.to_owned()), None),
        Some((name, below)) => match LATER.into_iter().find(|later| *later == name) {
            Some(later) => (Action::NotYet(later), None),
            None => (Action::Run, Some(below)),
        },
    };
    let mut layer = Layer::new();
    for spec in OPTIONS {
        let texts = texts(spec, &matches, below);
        if texts.is_empty() {
            continue;
        }
        // Each text passed `check` already; what is left is an option that is not there yet.
        layer.set_list(spec.name, &texts, Origin::CommandLine).map_err(|error| {
            let shown = error.message().replacen(spec.name, &format!("--{}", spec.dashed()), 1);
            command.error(ErrorKind::InvalidValue, format!("{shown}, {}", error.place()))
        })?;
    }
    Ok(Invocation { action, layer })
}

/// Makes the configuration: command line over environment over config files over builder over defaults.
///
/// Config files are those of the command line, else those of the environment, else those of the builder;
/// a later one wins over an earlier one. `read_file` gets each path as it was given; [`read_config_file`]
/// is the one for real files.
///
/// # Errors
/// The first source in that order that is wrong.
pub(crate) fn load_config(
    command_line: Layer,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
    builder: Layer,
) -> Result<Config, ConfigError> {
    let environment = Layer::from_environment(readable(environment)?)?;
    let configfiles = [&command_line, &environment, &builder].into_iter().find_map(|layer| layer.configfile.clone());
    let mut files = Vec::new();
    if let Some(named) = configfiles {
        for path in &named.value {
            let text = read_file(path).map_err(|error| ConfigError::Unreadable {
                path: path.display().to_string(),
                reason: error.to_string(),
                place: named.origin.clone().into(),
            })?;
            files.push(Layer::from_file(path, &text, &named.origin)?);
        }
    }
    let by_precedence = [command_line, environment].into_iter().chain(files.into_iter().rev()).chain([builder]);
    Layer::merge(by_precedence)
}

/// Reads a config file, and no more of it than the bound on its size.
///
/// # Errors
/// As the system says; or the file is too large, or is not UTF-8.
pub(crate) fn read_config_file(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE_SIZE as u64;
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE_SIZE {
        let reason = format!("it is larger than {} KiB", MAX_FILE_SIZE / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// The variables whose names are text; of these, a value of ours must be text too.
fn readable(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    let mut variables = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with(ENVIRONMENT_PREFIX) && !name.starts_with(ROLE_PREFIX) => {
                return Err(ConfigError::Invalid {
                    reason: "the value is not UTF-8 text".to_owned(),
                    help: None,
                    place: Origin::Environment(name.clone()).into(),
                    name,
                });
            }
            Err(_) => {}
        }
    }
    Ok(variables)
}

/// The last part of argv[0].
pub(crate) fn program_name(first: Option<&OsString>) -> String {
    first
        .and_then(|path| Path::new(path).file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "gearman-driver".to_owned())
}

fn status_request(matches: &ArgMatches) -> status::Request {
    status::Request {
        json: matches.get_flag("json"),
        consoles: matches.get_many::<String>("connect").into_iter().flatten().cloned().collect(),
    }
}

/// The command line as it is parsed.
fn command(program: &str, own: &[Command]) -> Command {
    let later = LATER.into_iter().map(|name| {
        Command::new(name)
            .about("Comes with a later release")
            .hide(true)
            .disable_help_flag(true)
            .arg(Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true))
    });
    let not_yet = || OPTIONS.iter().filter(|spec| !spec.is_ready()).map(argument);
    ready_command(program, own)
        .args(not_yet())
        .mut_subcommands(|sub| if TAKE_ALL.contains(&sub.get_name()) { sub.args(not_yet()) } else { sub })
        .subcommands(later)
}

/// The subcommands that take every option.
const TAKE_ALL: [&str; 2] = ["run", "check"];

/// The command line without what comes with later releases: for completions and the manual page.
pub(crate) fn ready_command(program: &str, own: &[Command]) -> Command {
    let version = if program == "gearman-driver" {
        env!("CARGO_PKG_VERSION").to_owned()
    } else {
        format!("(gearman-driver {})", env!("CARGO_PKG_VERSION"))
    };
    let options = || OPTIONS.iter().filter(|spec| spec.is_ready()).map(argument);
    let status_options = || OPTIONS.iter().filter(|spec| STATUS_OPTIONS.contains(&spec.name)).map(argument);
    Command::new(program.to_owned())
        .bin_name(program)
        .about(ABOUT)
        .version(version)
        .after_help(AFTER_HELP)
        .args(options())
        .subcommands(own.iter().cloned())
        .subcommand(Command::new("run").about("Run the driver (the default)").args(options()))
        .subcommand(check().args(options()))
        .subcommand(
            Command::new("status")
                .about("Show the jobs of running drivers, as their consoles do")
                .arg(
                    Arg::new("json")
                        .long("json")
                        .action(ArgAction::SetTrue)
                        .help("All that is known, as JSON: an object a line for each driver."),
                )
                .arg(
                    Arg::new("connect")
                        .long("connect")
                        .value_name("HOST[:PORT]")
                        .action(ArgAction::Append)
                        .help("A driver's console. Repeatable. [default: the configuration's console]"),
                )
                .args(status_options()),
        )
        .subcommand(
            Command::new("completions")
                .about("Write what a shell completes, or the manual page, to standard output")
                .arg(
                    Arg::new("shell")
                        .required(true)
                        .value_name("SHELL")
                        .value_parser(clap::value_parser!(Page))
                        .help("The shell, or man for the manual page."),
                ),
        )
}

fn check() -> Command {
    let file = |name| Arg::new(name).long(name).value_name("FILE").value_parser(clap::value_parser!(PathBuf));
    Command::new("check")
        .about("Load everything, list the jobs, touch nothing")
        .arg(file("against").help("Fail when a function named in this file has gone; say which ones are new"))
        .arg(file("write").help("Write the functions' names to this file, for --against"))
}

fn argument(spec: &'static OptionSpec) -> Arg {
    let help = match spec.default {
        Some(default) => format!("{} [default: {default}]", spec.help),
        None => spec.help.to_owned(),
    };
    let argument = Arg::new(spec.name).long(spec.dashed()).help(help).hide(!spec.is_ready());
    let argument = if spec.name.contains('_') { argument.alias(spec.name) } else { argument };
    match spec.takes {
        Takes::List(metavar) => value(spec, argument, metavar).action(ArgAction::Append),
        // As in the original, the last one counts.
        Takes::Value(metavar) => value(spec, argument, metavar).action(ArgAction::Set).overrides_with(spec.name),
        _ => argument.action(ArgAction::SetTrue).overrides_with(spec.name),
    }
}

fn value(spec: &'static OptionSpec, argument: Arg, metavar: &'static str) -> Arg {
    let argument = argument.value_name(metavar).allow_negative_numbers(true);
    if !spec.is_ready() {
        return argument;
    }
    let parser = move |text: &str| {
        spec.check(text)?;
        if spec.name == "server" {
            // As any other value on the command line that can't be; from elsewhere it is told when all sources are read.
            embedded_server::check_list(text)?;
        }
        Ok::<_, String>(text.to_owned())
    };
    argument.value_parser(ValueParser::from(parser))
}

/// What was given for an option, before the subcommand and behind it.
fn texts<'m>(spec: &OptionSpec, matches: &'m ArgMatches, below: Option<&'m ArgMatches>) -> Vec<&'m str> {
    let both = std::iter::once(matches).chain(below);
    if spec.takes == Takes::Flag {
        // A subcommand may not have it.
        let given = |matches: &&ArgMatches| matches!(matches.try_get_one::<bool>(spec.name), Ok(Some(true)));
        return both.filter(given).map(|_| "true").collect();
    }
    both.filter_map(|matches| matches.try_get_many::<String>(spec.name).ok().flatten())
        .flatten()
        .map(String::as_str)
        .collect()
}

#[cfg(test)]
mod tests;
