//! Commands of a program's own: off the event loop, and whatever they do the console goes on.

use std::sync::Arc;

use gearman_driver_front::console::{Action, Call, Command, CommandError, Commands, Task};

use crate::support::{Client, console_with, driver};

/// `own WORDS`: does what the first word says.
struct Own;

impl Command for Own {
    fn name(&self) -> &str {
        "own"
    }

    fn summary(&self) -> &str {
        "Does as it is told"
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        let word = call.word(0).to_owned();
        Ok(Action::Run(Task::new(move |handle| match word.as_str() {
            "jobs" => {
                let snapshot = handle.snapshot_blocking().map_err(|error| CommandError::Other(error.to_string()))?;
                Ok(snapshot.jobs.iter().map(|job| job.name.clone()).collect())
            }
            "lines" => Ok([".", "a\r\nOK\r\n.", "\x1b[31m", ""].map(str::to_owned).to_vec()),
            "panic" => panic!("on purpose"),
            _ => Err(CommandError::Other("no such\nword".to_owned())),
        })))
    }
}

async fn connect() -> Client {
    #[expect(clippy::unwrap_used, reason = "the name is free")]
    let commands = Commands::new().with(Arc::new(Own)).unwrap();
    Client::connect(console_with(driver(&[("a", 1, 3), ("b", 0, 1)]), commands).await).await
}

#[tokio::test]
async fn they_may_ask_the_driver() {
    assert_eq!(connect().await.ask("own jobs").await, "a\r\nb\r\n.\r\n");
}

#[tokio::test]
async fn their_lines_are_made_lines() {
    assert_eq!(connect().await.ask("own lines").await, "..\r\na\\r\\nOK\\r\\n.\r\n\\x1b[31m\r\n\r\n.\r\n");
}

#[tokio::test]
async fn errors_and_panics_are_answers() {
    let mut client = connect().await;
    assert_eq!(client.ask("own goal").await, "ERR no such\\nword\r\n.\r\n");
    assert_eq!(client.ask("own panic").await, "ERR command_failed: own panicked\r\n.\r\n");
    assert_eq!(client.ask("own\x0bpanic again").await, "ERR command_failed: own panicked\r\n.\r\n");
    assert_eq!(client.ask("list").await, "a\r\nb\r\n.\r\n");
}
