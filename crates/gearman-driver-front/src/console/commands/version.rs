//! `version`.

use super::{Action, Call, Command, CommandError, text};

pub(super) struct Version;

impl Command for Version {
    fn name(&self) -> &str {
        "version"
    }

    fn summary(&self) -> &str {
        "Shows the driver's version"
    }

    fn examples(&self) -> &[&str] {
        &["version"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Answer(vec![format!("gearman-driver {}", text::one_line(&call.snapshot.version))]))
    }
}
