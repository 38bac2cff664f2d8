//! `save`: live changes go into the configuration.

use super::{Action, Call, Command, CommandError, Task};

pub(super) struct Save;

impl Command for Save {
    fn name(&self) -> &str {
        "save"
    }

    fn summary(&self) -> &str {
        "Writes what was changed live (bounds, log level, interval, max_idle_time) into the last config file"
    }

    fn details(&self) -> &[&str] {
        &["Comments and all else in the file stay. ERR save_failed: REASON where there is none, or it is no TOML file."]
    }

    fn examples(&self) -> &[&str] {
        &["save"]
    }

    fn run(&self, _call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Run(Task::new(|handle| {
            let saved = handle.save_blocking()?;
            saved
                .map(|()| vec!["OK".to_owned()])
                .map_err(|reason| CommandError::Other(format!("save_failed: {reason}")))
        })))
    }
}
