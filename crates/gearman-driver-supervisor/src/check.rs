//! `check`: the worker code is loaded and listed, and nothing is started.

use gearman_driver_core::process::HostId;
use gearman_driver_wire::host::{FromHost, ToHost};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::event_loop::{News, Supervisor, in_runtime};
use crate::generations::FIRST;
use crate::log::Log;
use crate::state::State;
use crate::{Checked, RunError, Setup};

/// Loads the worker code in a host of its own and says what is there; registers nothing, starts no process.
///
/// # Errors
/// When the worker code cannot be loaded.
pub fn check(setup: Setup) -> Result<Checked, RunError> {
    let clock = Clock::start();
    let log = Log::warnings_on_stderr(&setup.config, clock)?;
    in_runtime(async {
        let (mut supervisor, mut news, _handle, _requests) =
            Supervisor::new(setup, clock, log, (State::none(), Vec::new()))?;
        supervisor.check(&mut news).await
    })?
}

impl Supervisor {
    /// Loads the worker code in one host, and ends that.
    async fn check(&mut self, news: &mut mpsc::Receiver<News>) -> Result<Checked, RunError> {
        let id = HostId(0);
        self.try_start_host(id, FIRST).map_err(RunError::Ended)?;
        let mut found = Err("the host ended before it had loaded the worker code".to_owned());
        while let Some(news) = news.recv().await {
            match news {
                News::Host(_, FromHost::Loaded { protocol, jobs, safety, warnings, .. }) => {
                    found = self.accepted(FIRST, protocol, jobs, safety).map(|jobs| Checked { jobs, warnings });
                    self.hosts[&id].send(&ToHost::Exit);
                }
                News::Host(_, FromHost::Failed { error }) => found = Err(error),
                News::Signal(_) => found = Err("interrupted".to_owned()),
                News::HostClosed(..) => break,
                _ => {}
            }
        }
        if let Some(host) = self.hosts.remove(&id) {
            host.output.finish().await;
        }
        found.map_err(RunError::Ended)
    }
}
