//! `help [COMMAND]`, made from the registry.

use super::{Action, Call, Command, CommandError};

pub(super) struct Help;

impl Command for Help {
    fn name(&self) -> &str {
        "help"
    }

    fn arguments(&self) -> &str {
        "[COMMAND]"
    }

    fn summary(&self) -> &str {
        "Lists the commands, or explains one"
    }

    fn examples(&self) -> &[&str] {
        &["help", "help status", "help no_such_command"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let name = call.word(0);
        if !name.is_empty() {
            let command = call.commands.get(name).ok_or_else(|| CommandError::unknown(name))?;
            let head = [usage(command), format!("{}.", command.summary())];
            let details = command.details().iter().map(ToString::to_string);
            return Ok(Action::Answer(head.into_iter().chain(details).collect()));
        }
        let width = call.commands.iter().map(|command| usage(command).chars().count()).max().unwrap_or(0);
        let line = |command: &dyn Command| format!("{:<width$}  {}", usage(command), command.summary());
        Ok(Action::Answer(call.commands.iter().map(line).collect()))
    }
}

fn usage(command: &dyn Command) -> String {
    format!("{} {}", command.name(), command.arguments()).trim_end().to_owned()
}
