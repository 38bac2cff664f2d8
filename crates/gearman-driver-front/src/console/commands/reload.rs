//! `reload`: new worker code.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct Reload;

impl Command for Reload {
    fn name(&self) -> &str {
        "reload"
    }

    fn summary(&self) -> &str {
        "Loads worker code and configuration anew and replaces all processes step by step; no job is lost"
    }

    fn details(&self) -> &[&str] {
        &[
            "Answered when the new code has loaded; ERR reload_failed: REASON where it can't, and everything stays as it was.",
            "Processes of the new code that die at once take it back, which the log says. `ps` shows generations.",
        ]
    }

    fn examples(&self) -> &[&str] {
        &["reload"]
    }

    fn run(&self, _call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Order(Order::Reload))
    }
}
