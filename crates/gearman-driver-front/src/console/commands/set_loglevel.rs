//! `set_loglevel LEVEL`.

use gearman_driver_core::level::Level;

use super::{Action, Call, Command, CommandError, Task};

pub(super) struct SetLogLevel;

impl Command for SetLogLevel {
    fn name(&self) -> &str {
        "set_loglevel"
    }

    fn arguments(&self) -> &str {
        "LEVEL"
    }

    fn summary(&self) -> &str {
        "Sets the least important level that is logged: TRACE DEBUG INFO WARN ERROR FATAL OFF"
    }

    fn details(&self) -> &[&str] {
        &["Processes that run follow from their next job on."]
    }

    fn examples(&self) -> &[&str] {
        &["set_loglevel INFO", "set_loglevel loud"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let level =
            call.word(0).parse::<Level>().map_err(|error| CommandError::Other(format!("invalid_value: {error}")))?;
        Ok(Action::Run(Task::new(move |handle| {
            handle.set_loglevel_blocking(level)?;
            Ok(vec!["OK".to_owned()])
        })))
    }
}
