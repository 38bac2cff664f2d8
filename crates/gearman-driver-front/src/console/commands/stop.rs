//! `stop PID...`: what `kill` does, by its right name.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct Stop;

impl Command for Stop {
    fn name(&self) -> &str {
        "stop"
    }

    fn arguments(&self) -> &str {
        "PID..."
    }

    fn summary(&self) -> &str {
        "Lets these processes finish their job and exit; they are replaced where needed"
    }

    fn details(&self) -> &[&str] {
        &["PIDs that are not ours are passed over; it is an error if none is."]
    }

    fn examples(&self) -> &[&str] {
        &["stop {pid}", "stop 1"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Order(Order::Stop { pids: call.pids() }))
    }
}
