//! The demo's command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use gearman_driver_core::duration;

/// The subcommand's name.
pub(crate) const NAME: &str = "demo";

/// Show it: a job server, workers and a load that rises and falls, with nothing else installed.
///
/// Runs until Ctrl-C, then waits for all answers and sums up.
#[derive(Parser)]
#[command(name = NAME, bin_name = "gearman-driver demo", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the demo is to do.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct Options {
    /// End by itself after this time. [default: at Ctrl-C]
    #[arg(long = "for", value_name = "SECONDS", value_parser = time)]
    pub(crate) seconds: Option<Duration>,
    /// How much load: 1 is up to 8 clients for each job.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub(crate) load: f64,
    /// The job server's port on 127.0.0.1. [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// Write the view at its busiest as a picture: how the README's was made.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// The driver: started by the demo itself.
    #[command(hide = true)]
    Driver(DriverOptions),
}

/// What the demo wants of its driver.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct DriverOptions {
    /// The job server's port.
    #[arg(long)]
    pub(crate) port: u16,
    #[arg(long)]
    pub(crate) console_port: u16,
    #[arg(long)]
    pub(crate) logfile: PathBuf,
    /// The demo's process, with which the driver ends.
    #[arg(long)]
    pub(crate) parent: i32,
}

/// What a command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    Demo(Options),
    Driver(DriverOptions),
}

/// The subcommand, for the help of the whole command.
pub(crate) fn command() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

/// Reads what stands behind the program's name, `demo` first.
///
/// # Errors
/// What is to be shown instead of running.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Asked, clap::Error> {
    let cli = Cli::from_arg_matches(&command().try_get_matches_from(args)?)?;
    Ok(match cli.role {
        Some(Role::Driver(options)) => Asked::Driver(options),
        None => Asked::Demo(cli.options),
    })
}

fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.1..=20.0).contains(&factor) => Ok(factor),
        _ => Err("a number from 0.1 to 20 is expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Asked, String> {
        parse(text.split_whitespace().map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
        let expected = Options { seconds: None, load: 1.0, port: 0, svg: None };
        assert_eq!(parsed("demo").unwrap(), Asked::Demo(expected));
        let expected = Options { seconds: Some(Duration::from_secs(20)), load: 0.5, port: 4730, svg: None };
        assert_eq!(parsed("demo --for 20 --load 0.5 --port 4730").unwrap(), Asked::Demo(expected));
        let Asked::Driver(options) = parsed("demo driver --port 1 --console-port 2 --logfile a --parent 3").unwrap()
        else {
            panic!("the driver's role was asked for");
        };
        assert_eq!((options.port, options.console_port, options.parent), (1, 2, 3));
    }

    #[test]
    fn what_is_wrong_is_told_with_the_option() {
        for (wrong, told) in [
            ("demo --for x", "invalid value 'x' for '--for <SECONDS>'"),
            ("demo --load 0", "a number from 0.1 to 20 is expected"),
            ("demo --load NaN", "a number from 0.1 to 20 is expected"),
            ("demo --port 70000", "70000 is not in 0..=65535"),
            ("demo walk", "unrecognized subcommand 'walk'"),
        ] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
