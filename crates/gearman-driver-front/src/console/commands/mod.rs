//! The commands: one file each, one line each in `BUILT_IN`. Help, documentation and the test over all commands
//! follow from the registry.

mod help;
mod kill;
mod kill_now;
mod killall;
mod list;
mod pause;
mod ps;
mod quit;
mod reload;
mod restart;
mod resume;
mod save;
mod set_loglevel;
mod set_max_processes;
mod set_min_processes;
mod set_processes;
mod show;
mod shutdown;
mod snapshot;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;

use gearman_driver_core::limits::{Bound, Limits};
use gearman_driver_core::order::{Order, OrderError};
use gearman_driver_core::snapshot::{JobSnapshot, Snapshot};
use thiserror::Error;

use super::session::looks_like_http;
use super::text;
use crate::{DriverGone, Handle};

/// The commands that every console has, in the order of `help`.
const BUILT_IN: &[&dyn Command] = &[
    &status::Status,
    &list::List,
    &show::Show,
    &ps::Ps,
    &set_min_processes::SetMinProcesses,
    &set_max_processes::SetMaxProcesses,
    &set_processes::SetProcesses,
    &stop::Stop,
    &kill::Kill,
    &killall::KillAll,
    &kill_now::KillNow,
    &restart::Restart,
    &pause::Pause,
    &resume::Resume,
    &reload::Reload,
    &set_loglevel::SetLogLevel,
    &save::Save,
    &shutdown::Shutdown,
    &snapshot::Snapshot,
    &version::Version,
    &help::Help,
    &quit::Quit,
];

/// A command of the console.
///
/// A program adds its own by implementing this and registering it ([`Commands::with`]); it then shows in `help`.
pub trait Command: Send + Sync {
    /// The word that calls it.
    fn name(&self) -> &str;

    /// What follows the name, for `help`: `JOB N`.
    fn arguments(&self) -> &str {
        ""
    }

    /// What it does, in a line, for `help`.
    fn summary(&self) -> &str;

    /// What else there is to say, for `help COMMAND`: a line each.
    fn details(&self) -> &[&str] {
        &[]
    }

    /// Calls to show in the documentation. `{job}` and `{pid}` stand for a job's name and one of its PIDs.
    fn examples(&self) -> &[&str] {
        &[]
    }

    /// What is to be done. Words after those that it needs are to be ignored.
    ///
    /// # Errors
    /// What is wrong with the call; it is told to the operator.
    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError>;
}

/// A command that was called.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The words after its name.
    pub arguments: &'a [&'a str],
    /// The driver as it is now.
    pub snapshot: &'a Snapshot,
    /// All commands, for `help`.
    pub commands: &'a Commands,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// These lines, then the dot. None of them holds a line's end.
    Answer(Vec<String>),
    /// The order is given to the driver, which says `OK` or why not.
    Order(Order),
    /// As [`Action::Order`], and if it is carried out the connection is closed.
    LastOrder(Order),
    /// The connection is closed, and nothing is sent.
    Close,
    /// Code that may take its time: it runs on a thread of its own.
    Run(Task),
}

/// What a command of a program's own does: it gets a handle to the driver, and may block. Its lines are made fit to be
/// lines before they are sent; so is what is sent after `ERR ` where it fails or panics.
#[derive(Clone)]
pub struct Task(Arc<TaskBody>);

type TaskBody = dyn Fn(&Handle) -> Result<Vec<String>, CommandError> + Send + Sync;

impl Task {
    /// A task that does this.
    pub fn new(body: impl Fn(&Handle) -> Result<Vec<String>, CommandError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(body))
    }

    /// Does it. Not on the event loop.
    ///
    /// # Errors
    /// What the operator is told.
    pub fn run(&self, handle: &Handle) -> Result<Vec<String>, CommandError> {
        (self.0)(handle)
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Task")
    }
}

/// The very same, not one that does the same.
impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Task {}

/// Why a command was refused. Displayed as what follows `ERR `.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No command has that name. Empty for an empty line, and for one that begins with white space.
    #[error("unknown_command: {0}")]
    UnknownCommand(String),
    /// The order is wrong, or the driver refused it.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A line was longer than [`MAX_LINE`](super::MAX_LINE).
    #[error("line_too_long")]
    LineTooLong,
    /// There are [`MAX_CONNECTIONS`](super::MAX_CONNECTIONS) others.
    #[error("too_many_connections")]
    TooManyConnections,
    /// From a command of a program's own: one line.
    #[error("{0}")]
    Other(String),
    /// A command of a program's own panicked.
    #[error("command_failed: {0} panicked")]
    Panicked(String),
}

/// What a task is told when the driver ends before it has answered.
impl From<DriverGone> for CommandError {
    fn from(gone: DriverGone) -> Self {
        CommandError::Other(gone.to_string())
    }
}

impl CommandError {
    pub(super) fn unknown(name: &str) -> Self {
        CommandError::UnknownCommand(text::one_line(name))
    }

    fn unknown_job(name: &str) -> Self {
        CommandError::Order(OrderError::UnknownJob(text::one_line(name)))
    }
}

/// The commands of a console.
#[derive(Clone, Default)]
pub struct Commands {
    own: Vec<Arc<dyn Command>>,
}

/// A command can't have its name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Another command has it.
    #[error("the console has a command `{0}` already: give yours another name")]
    Taken(String),
    /// Nobody could call it.
    #[error(
        "{0:?} can't be the name of a console command: it must be one word, without white space and control characters, \
         and no method of HTTP"
    )]
    NoWord(String),
}

impl Commands {
    /// The built-in ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and one of the program's own.
    ///
    /// # Errors
    /// When there is one of that name, or the name is not one word.
    pub fn with(mut self, command: Arc<dyn Command>) -> Result<Self, NameError> {
        let name = command.name();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) || looks_like_http(name) {
            return Err(NameError::NoWord(name.to_owned()));
        }
        if self.get(name).is_some() {
            return Err(NameError::Taken(name.to_owned()));
        }
        self.own.push(command);
        Ok(self)
    }

    /// All of them, in the order of `help`.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Command> {
        BUILT_IN.iter().copied().chain(self.own.iter().map(|command| command.as_ref() as &dyn Command))
    }

    /// The one of that name.
    pub fn get(&self, name: &str) -> Option<&dyn Command> {
        self.iter().find(|command| command.name() == name)
    }

    /// What a line asks for. Pure.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn interpret(&self, line: &str, snapshot: &Snapshot) -> Result<Action, CommandError> {
        let (command, arguments) = self.parse(line)?;
        command.run(&Call { arguments: &arguments, snapshot, commands: self })
    }

    /// The command that a line calls, and the words after its name.
    pub(super) fn parse<'a>(&self, line: &'a str) -> Result<(&dyn Command, Vec<&'a str>), CommandError> {
        // As in the original, white space at the beginning is preceded by an empty word.
        let mut words = line.split(is_space);
        let name = words.next().unwrap_or_default();
        let command = self.get(name).ok_or_else(|| CommandError::unknown(name))?;
        Ok((command, words.filter(|word| !word.is_empty()).collect()))
    }
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(Command::name)).finish()
    }
}

/// What separates words: `\s` of Perl on bytes, as in the original.
fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

impl<'a> Call<'a> {
    /// The argument at that place; empty where there is none.
    pub fn word(&self, index: usize) -> &'a str {
        self.arguments.get(index).copied().unwrap_or_default()
    }

    /// The job that the first argument names.
    pub fn job(&self) -> Result<&'a JobSnapshot, CommandError> {
        let name = self.word(0);
        self.snapshot.job(name).ok_or_else(|| CommandError::unknown_job(name))
    }

    /// The number at that place, within what a bound may be at all.
    fn bound(&self, index: usize, bound: Bound) -> Result<u32, CommandError> {
        let number = self.digits(index, bound)?;
        number.ok_or_else(|| OrderError::TooLarge(bound).into())
    }

    /// As [`Call::bound`]; `None` where it is a number, and too large.
    fn digits(&self, index: usize, bound: Bound) -> Result<Option<u32>, CommandError> {
        let word = self.word(index);
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(OrderError::NotANumber(bound).into());
        }
        Ok(word.parse().ok().filter(|&number| number <= Limits::LARGEST))
    }

    /// All arguments that can be PIDs. The others are nobody's.
    fn pids(&self) -> Vec<u32> {
        let digits = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        self.arguments.iter().copied().filter(digits).filter_map(|word| word.parse().ok()).collect()
    }
}
