//! `snapshot`: all that is known of the driver, as JSON.

use gearman_driver_core::snapshot_json::to_json;

use super::{Action, Call, Command, CommandError};

pub(super) struct Snapshot;

impl Command for Snapshot {
    fn name(&self) -> &str {
        "snapshot"
    }

    fn summary(&self) -> &str {
        "Shows the driver, its jobs and their processes as one line of JSON"
    }

    fn details(&self) -> &[&str] {
        &[
            "Moments are RFC 3339 texts in UTC, spans are seconds; what is not known is null. Later releases may add fields.",
            "`gearman-driver status --json` prints this line.",
        ]
    }

    fn examples(&self) -> &[&str] {
        &["snapshot"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Answer(vec![to_json(call.snapshot)]))
    }
}
