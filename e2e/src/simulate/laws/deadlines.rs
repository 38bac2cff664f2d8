//! What is to happen in time.

use gearman_driver_core::time::Time;

use super::told::Heard;
use super::{Broken, Laws, law};

impl Laws {
    /// A tick does what is due, and the next one comes in time; what ends is asked to, or killed, without delay.
    pub(super) fn judge_deadlines(&self, now: Time, next: Option<Time>) -> Result<(), Broken> {
        let tick = self.event == Heard::Tick;
        let due = next.filter(|due| *due <= now);
        law(due.is_none() || !tick, || format!("a tick does what is due at {due:?}"))?;
        for (process, entry) in &self.processes {
            if let Some(overdue) = entry.overdue_at() {
                // The processes have been looked at just before a tick.
                law(!tick || overdue > now, || format!("what is overdue is killed: {process}"))?;
                let in_time = next.is_some_and(|next| next <= overdue.max(now));
                law(overdue <= now || in_time, || {
                    format!("{process} is overdue at {overdue:?}, and the next tick is {next:?}")
                })?;
            }
            let asked = !self.shutdown.is_on() || entry.pid.is_none() || entry.stopped || entry.killed;
            law(asked, || format!("a shutdown asks {process} to go"))?;
            let killed = !self.shutdown.is_at_once() || entry.pid.is_none() || entry.killed;
            law(killed, || format!("{process} is killed, for the driver ends at once"))?;
        }
        Ok(())
    }
}
