//! The command line (feature `cli`): [`Driver::from_args`], and what its subcommands do.
//!
//! [`args`] decides how it looks, [`subcommands`] what it asks for; each subcommand has a file of its own.

mod args;
mod check;
mod completions;
mod reload;
mod remote;
mod status;
mod subcommands;

use gearman_driver_core::config::Layer;

use crate::driver::{Driver, say};
use args::Invocation;
use subcommands::Action;

/// That the command line counts, and what the program adds to it.
#[derive(Default)]
pub(crate) struct CommandLine {
    /// Subcommands that the program sees to itself.
    own: Vec<clap::Command>,
}

impl Driver {
    /// A driver that takes the command line of `gearman-driver` (options and subcommands); what it says wins over what is
    /// set here. Needs the feature `cli`, which is on by default.
    pub fn from_args() -> Self {
        let mut driver = Self::builder();
        driver.command_line = Some(CommandLine::default());
        driver
    }

    /// For the command `gearman-driver` alone, and no part of the public interface: a subcommand that it has seen to
    /// where it comes first, to be shown in help and completions of [`Driver::from_args`].
    #[doc(hidden)]
    pub fn __own_subcommand(mut self, subcommand: clap::Command) -> Self {
        if let Some(command_line) = &mut self.command_line {
            command_line.own.push(subcommand);
        }
        self
    }
}

impl CommandLine {
    fn invocation(&self) -> Result<Invocation, clap::Error> {
        args::parse(std::env::args_os(), &self.own)
    }

    /// The options, for `start()`, which is `run` alone.
    pub(crate) fn to_start(&self) -> Result<Layer, crate::Error> {
        let invocation = self.invocation()?;
        if invocation.action == Action::Run {
            Ok(invocation.layer)
        } else {
            Err("only `run` can be started inside a program; for subcommands it calls `run()`".into())
        }
    }
}

/// Does what the command line asks for: the exit code, or what went wrong in one sentence.
pub(crate) fn run(driver: Driver, command_line: &CommandLine, name: &str) -> Result<u8, String> {
    let Invocation { action, layer } = match command_line.invocation() {
        Ok(invocation) => invocation,
        Err(error) => {
            // Help and version go to standard output, usage errors to standard error.
            let _ = error.print();
            return Ok(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match action {
        Action::Run => driver.supervise(name, layer),
        Action::Check(names) => match driver.config(layer.clone()) {
            Ok(config) => check::check(driver.setup(config, layer)?, &names),
            Err(mistake) => mistake.tell(name),
        },
        Action::Status(request) => match driver.config(layer) {
            Ok(config) => {
                let mut complain = |text: &str| say(&format!("{name}: {text}"));
                Ok(status::run(&request, &config, &mut std::io::stdout(), &mut complain))
            }
            Err(mistake) => mistake.tell(name),
        },
        Action::Reload(consoles) => match driver.config(layer) {
            Ok(config) => Ok(reload::run(&consoles, &config, &mut |text| say(&format!("{name}: {text}")))),
            Err(mistake) => mistake.tell(name),
        },
        Action::Completions(page) => {
            completions::write(page, name, &command_line.own).map(|()| 0).map_err(|error| error.to_string())
        }
        Action::Misplaced(subcommand) => {
            say(&format!(
                "{name}: `{subcommand}` takes no options of the driver and comes first: {name} {subcommand} [OPTIONS]"
            ));
            Ok(2)
        }
        Action::NotYet(subcommand) => {
            say(&format!(
                "{name}: `{subcommand}`: not yet: a later release has this subcommand; `{name} --help` shows what is there"
            ));
            Ok(2)
        }
    }
}
