//! `shutdown`: drain and exit.

use gearman_driver_core::order::Order;

use super::{Action, Call, Command, CommandError};

pub(super) struct Shutdown;

impl Command for Shutdown {
    fn name(&self) -> &str {
        "shutdown"
    }

    fn summary(&self) -> &str {
        "Ends the driver: all processes finish their jobs first"
    }

    fn examples(&self) -> &[&str] {
        &["shutdown"]
    }

    fn run(&self, _call: &Call<'_>) -> Result<Action, CommandError> {
        Ok(Action::LastOrder(Order::Shutdown))
    }
}
