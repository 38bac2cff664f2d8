//! Console commands of a program's own.

use std::sync::Arc;

use gearman_driver_front::console::{Action, Call, Command, CommandError, Task};
use gearman_driver_worker::Error;

use crate::DriverHandle;
use crate::handle::End;

/// A command that a program adds to the console, with [`Driver::console_command`](crate::Driver::console_command). It
/// then shows in `help`.
///
/// ```
/// use gearman_driver::{ConsoleCommand, Driver, DriverHandle, Error};
///
/// /// `idle JOB`: back to the fewest processes.
/// struct Idle;
///
/// impl ConsoleCommand for Idle {
///     fn name(&self) -> &str {
///         "idle"
///     }
///
///     fn arguments(&self) -> &str {
///         "JOB"
///     }
///
///     fn summary(&self) -> &str {
///         "Stops all processes of a job above its minimum"
///     }
///
///     fn run(&self, driver: &DriverHandle, arguments: &[&str]) -> Result<Vec<String>, Error> {
///         let name = arguments.first().copied().unwrap_or_default();
///         let job = driver.job(name).ok_or_else(|| format!("invalid_job_name: {name}"))?;
///         let mut stopped = 0;
///         while job.remove_process().is_ok() {
///             stopped += 1;
///         }
///         Ok(vec![format!("{stopped} stopped")])
///     }
/// }
///
/// let driver = Driver::builder().console_command(Idle);
/// ```
pub trait ConsoleCommand: Send + Sync + 'static {
    /// The word that calls it. It must not be taken, and be one word.
    fn name(&self) -> &str;

    /// What follows the name, for `help`: `JOB N`. Default: nothing.
    fn arguments(&self) -> &str {
        ""
    }

    /// What it does, in one line, for `help`.
    fn summary(&self) -> &str;

    /// Does it, with the words after the name; the answer is a line each. It runs in the supervisor, on a thread of its
    /// own: it may block, which keeps only its own connection waiting, and may start programs and wait for them (what it
    /// leaves running is reaped by the driver). Control characters in a line, and in an error, are
    /// escaped; a panic is answered as an error.
    ///
    /// # Errors
    /// What the operator is told: the text after `ERR `. By the console's custom it begins with a word for the kind of
    /// error: `invalid_value: ..`.
    fn run(&self, driver: &DriverHandle, arguments: &[&str]) -> Result<Vec<String>, Error>;
}

/// A user's command as one of the console's.
pub(crate) struct Adapter {
    command: Arc<dyn ConsoleCommand>,
    end: Arc<End>,
}

impl Adapter {
    pub(crate) fn new(command: impl ConsoleCommand, end: Arc<End>) -> Self {
        Self { command: Arc::new(command), end }
    }
}

impl Command for Adapter {
    fn name(&self) -> &str {
        self.command.name()
    }

    fn arguments(&self) -> &str {
        self.command.arguments()
    }

    fn summary(&self) -> &str {
        self.command.summary().trim_end_matches('.')
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let (command, end) = (Arc::clone(&self.command), Arc::clone(&self.end));
        let arguments: Vec<String> = call.arguments.iter().map(ToString::to_string).collect();
        Ok(Action::Run(Task::new(move |handle| {
            let driver = DriverHandle::new(handle.clone(), Arc::clone(&end));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            command.run(&driver, &arguments).map_err(|error| CommandError::Other(error.to_string()))
        })))
    }
}
