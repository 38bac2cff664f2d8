//! `kill_now PID...`: ends processes at once.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct KillNow;

impl Command for KillNow {
    fn name(&self) -> &str {
        "kill_now"
    }

    fn arguments(&self) -> &str {
        "PID..."
    }

    fn summary(&self) -> &str {
        "Ends these processes and what they have started at once (SIGKILL); they are replaced where needed"
    }

    fn details(&self) -> &[&str] {
        &[
            "A job in hand goes back to its job server, which gives it to another process.",
            "PIDs that are not ours are passed over; it is an error if none is.",
        ]
    }

    fn examples(&self) -> &[&str] {
        &["kill_now {pid}", "kill_now 1"]
    }

    fn run(&self, call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::Order(Order::KillNow { pids: call.pids() }))
    }
}
