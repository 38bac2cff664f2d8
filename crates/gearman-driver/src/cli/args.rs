//! The command line of a program that was made with `Driver::from_args`, and of the command
//! `gearman-driver`.
//!
//! Decides how the options of [`OPTIONS`] look on the command line. What a value means is decided in
//! [`gearman_driver_core::config`]; which subcommands there are, in [`subcommands`].

use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use gearman_driver_core::config::{Layer, OPTIONS, OptionSpec, Origin, Takes};

use super::subcommands::{self, Action, Options};
use crate::embedded_server;
use crate::sources::program_name;

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invocation {
    /// The subcommand.
    pub(crate) action: Action,
    /// The options that were given.
    pub(crate) layer: Layer,
}

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
        Some((name, below)) => (subcommands::action(name, below, own), Some(below)),
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

/// The command line as it is parsed.
fn command(program: &str, own: &[Command]) -> Command {
    described(program, own, |_| true).subcommands(subcommands::later())
}

/// The command line without what comes with later releases: for completions and the manual page.
pub(crate) fn ready_command(program: &str, own: &[Command]) -> Command {
    described(program, own, OptionSpec::is_ready)
}

/// With the options that are `wanted`.
fn described(program: &str, own: &[Command], wanted: fn(&OptionSpec) -> bool) -> Command {
    let version = if program == "gearman-driver" {
        env!("CARGO_PKG_VERSION").to_owned()
    } else {
        format!("(gearman-driver {})", env!("CARGO_PKG_VERSION"))
    };
    let options = || OPTIONS.iter().filter(|spec| wanted(spec)).map(argument);
    let subcommands = subcommands::ready().into_iter().map(|(command, takes)| match takes {
        Options::All => command.args(options()),
        Options::Only(names) => command.args(options().filter(|option| names.contains(&option.get_id().as_str()))),
    });
    Command::new(program.to_owned())
        .bin_name(program)
        .about(ABOUT)
        .version(version)
        .after_help(AFTER_HELP)
        .args(options())
        .subcommands(own.iter().cloned())
        .subcommands(subcommands)
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
