//! The subcommands: which there are, which options of the driver each takes, what each asks for.
//!
//! To add one: a file beside this one with its `command()` and what it does; a line in [`ready`] and one in [`action`];
//! a variant of [`Action`], and its arm in [`super::run`]. If its name stands in [`LATER`], it goes from there.

use clap::{Arg, ArgMatches, Command};

use super::{check, completions, reload, remote, status};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the driver: `run`, or no subcommand.
    Run,
    /// Load everything, list the jobs, touch nothing: `check`.
    Check(check::Names),
    /// Ask running drivers: `status`.
    Status(status::Request),
    /// Have running drivers, with these consoles, load their worker code anew: `reload`.
    Reload(Vec<String>),
    /// Write what a shell completes, or the manual page: `completions`.
    Completions(completions::Page),
    /// A subcommand that the program itself has, behind options of the driver: it takes none of them.
    /// To be answered with exit code 2.
    Misplaced(String),
    /// A subcommand that is known, and comes with a later release. To be answered with "not yet: NAME"
    /// and exit code 2.
    NotYet(&'static str),
}

/// Which options of the driver a subcommand takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Options {
    All,
    Only(&'static [&'static str]),
}

/// The subcommands that are there, in the order of the help.
pub(super) fn ready() -> [(Command, Options); 5] {
    [
        (Command::new("run").about("Run the driver (the default)"), Options::All),
        (check::command(), Options::All),
        (status::command(), Options::Only(&remote::OPTIONS)),
        (reload::command(), Options::Only(&remote::OPTIONS)),
        (completions::command(), Options::Only(&[])),
    ]
}

/// What is asked for by the subcommand `name` with what stands behind it; `own` are the program's own subcommands.
pub(super) fn action(name: &str, behind: &ArgMatches, own: &[Command]) -> Action {
    match name {
        "run" => Action::Run,
        "check" => Action::Check(check::Names::of(behind)),
        "status" => Action::Status(status::Request::of(behind)),
        "reload" => Action::Reload(reload::consoles(behind)),
        "completions" => Action::Completions(completions::Page::of(behind)),
        name if own.iter().any(|own| own.get_name() == name) => Action::Misplaced(name.to_owned()),
        name => {
            let later = LATER.into_iter().find(|later| *later == name);
            Action::NotYet(later.expect("clap knows no other subcommands: a test tries each"))
        }
    }
}

/// Subcommands that come with a later release.
pub(super) const LATER: [&str; 5] = ["console", "top", "drain", "doctor", "import"];

/// As clap takes them: whatever stands behind their names.
pub(super) fn later() -> impl Iterator<Item = Command> {
    LATER.into_iter().map(|name| {
        Command::new(name)
            .about("Comes with a later release")
            .hide(true)
            .disable_help_flag(true)
            .arg(Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subcommand_that_is_there_asks_for_something_else() {
        let mut actions = Vec::new();
        for (command, _) in ready() {
            let name = command.get_name().to_owned();
            let words = if name == "completions" { vec![name.as_str(), "bash"] } else { vec![name.as_str()] };
            actions.push(action(&name, &command.clone().get_matches_from(words), &[]));
            assert!(!LATER.contains(&name.as_str()), "{name} is there");
        }
        for (index, action) in actions.iter().enumerate() {
            assert!(!actions[..index].contains(action), "{action:?}");
        }
    }
}
