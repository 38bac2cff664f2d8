//! A job server: a real gearmand with its queue of background jobs on disk.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use gearman_testkit::{Gearmand, StatusLine};

use crate::evidence::{Incarnation, Span};
use crate::note::now;
use crate::world::{Claim, lock};

/// A gearmand. It is started again on the same port and with the same queue.
#[derive(Debug)]
pub(crate) struct JobServer {
    pub(crate) claim: Claim,
    index: usize,
    port: u16,
    queue: PathBuf,
    running: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    gearmand: Gearmand,
    generation: u32,
}

impl JobServer {
    /// Starts one whose queue is a file in this folder.
    pub(crate) fn start(index: usize, queues: &Path) -> Self {
        let queue = queues.join(format!("queue-{index}"));
        let gearmand =
            Gearmand::start_with(&borrowed(&arguments(Incarnation { server: index, generation: 1 }, &queue)));
        let port = gearmand.port();
        Self { claim: Claim::default(), index, port, queue, running: Mutex::new(Running { gearmand, generation: 1 }) }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it: which start of it, and when.
    pub(crate) fn kill(&self) -> (Incarnation, Span) {
        let mut running = lock(&self.running);
        let from = now();
        running.gearmand.stop();
        (Incarnation { server: self.index, generation: running.generation }, Span { from, until: now() })
    }

    /// Starts it again.
    pub(crate) fn start_again(&self) {
        let mut running = lock(&self.running);
        running.generation += 1;
        let incarnation = Incarnation { server: self.index, generation: running.generation };
        running.gearmand.start_again_with(&borrowed(&arguments(incarnation, &self.queue)));
    }

    /// Freezes it for so long: from when until when.
    pub(crate) fn freeze(&self, time: Duration) -> (usize, Span) {
        let running = lock(&self.running);
        let from = now();
        running.gearmand.freeze();
        std::thread::sleep(time);
        running.gearmand.thaw();
        (self.index, Span { from, until: now() })
    }

    /// Its queues.
    pub(crate) fn status(&self) -> Vec<StatusLine> {
        lock(&self.running).gearmand.status()
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        lock(&self.running).gearmand.log()
    }

    /// Its log, and what it answers to `status` and `workers`.
    pub(crate) fn state(&self) -> String {
        let running = lock(&self.running);
        let ask = |command| running.gearmand.admin(command).join("\n");
        format!("status:\n{}\nworkers:\n{}\nlog:\n{}", ask("status"), ask("workers"), running.gearmand.log())
    }
}

/// The queue is on disk, so that it outlives a kill: without it, gearmand forgets the background jobs that it has
/// confirmed. (It never keeps foreground jobs: their clients submit them again.)
fn arguments(incarnation: Incarnation, queue: &Path) -> [String; 3] {
    [
        "--queue-type=libsqlite3".to_owned(),
        format!("--libsqlite3-db={}", queue.display()),
        format!("--job-handle-prefix={}", incarnation.prefix()),
    ]
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
