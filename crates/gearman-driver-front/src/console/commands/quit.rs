//! `quit`: closes the connection. As the original, without an answer.

use super::{Action, Call, Command, CommandError};

pub(super) struct Quit;

impl Command for Quit {
    fn name(&self) -> &str {
        "quit"
    }

    fn summary(&self) -> &str {
        "Closes the connection, without an answer"
    }

    fn examples(&self) -> &[&str] {
        &["quit"]
    }

    fn run(&self, _call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Close)
    }
}
