//! The clients: each submits one job after the other, waits for the answer of those in the foreground, and submits
//! again what a job server had not answered when the connection to it was lost.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gearman_protocol::{Client, ClientError, JobEvent, Priority, ServerList};

use crate::evidence::{Answer, Span, Submission};
use crate::jobs::Task;
use crate::note::now;
use crate::world::World;

/// Clients, each in a thread.
pub(crate) const CLIENTS: u32 = 40;
/// So long a job may take in all the chaos. Then it is lost.
const PATIENCE: Duration = Duration::from_secs(120);
/// Before a job server that is away is asked again.
const RETRY: Duration = Duration::from_millis(50);

/// What a client has heard of each of its jobs.
pub(crate) type Heard = Vec<(u32, Vec<Submission>)>;

/// A client's life: takes numbers from `next` until there are none. What it has heard.
pub(crate) fn run(world: &World, place: u32, jobs: u32, next: &AtomicU32) -> Heard {
    let mut client = Connected::new(world, place);
    let mut heard = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= jobs {
            return heard;
        }
        world.gate.pass(number);
        let submissions = client.submit(&Task::of(number));
        world.progressed();
        heard.push((number, submissions));
        if world.stop.is_stopped() {
            return heard;
        }
    }
}

struct Connected<'a> {
    world: &'a World,
    client: Client,
}

impl<'a> Connected<'a> {
    fn new(world: &'a World, place: u32) -> Self {
        let mut addresses: Vec<String> = world.servers.iter().map(crate::server::JobServer::address).collect();
        let count = addresses.len();
        addresses.rotate_left(place as usize % count);
        let servers = ServerList::parse(&addresses.join(",")).expect("these are addresses");
        Self { world, client: Client::new(servers).timeout(PATIENCE) }
    }

    /// Submits until there is an answer, or the run is over.
    fn submit(&mut self, task: &Task) -> Vec<Submission> {
        let mut submissions = Vec::new();
        while !self.world.stop.is_stopped() {
            let Some(submission) = self.submit_once(task) else {
                self.world.stop.pause(RETRY);
                continue;
            };
            let again = matches!(submission.answer, Answer::ConnectionLost(_));
            submissions.push(submission);
            if !again {
                break;
            }
        }
        submissions
    }

    /// Submits; `None`: no job server has got it.
    fn submit_once(&mut self, task: &Task) -> Option<Submission> {
        let (function, workload, unique) = (task.kind.function(), task.number.to_string(), task.number.to_string());
        let from = now();
        let mut handle = None;
        let answer = if task.background {
            let accepted = self.client.submit_background_with(&function, &workload, &unique, Priority::Normal);
            accepted.map(|given| {
                handle = Some(given);
                Answer::Accepted
            })
        } else {
            let result = self.client.run_with(&function, &workload, &unique, Priority::Normal, |event| {
                if let JobEvent::Created(given) = event {
                    handle = Some(given.to_owned());
                }
            });
            result.map(|result| {
                if task.is_result(&result) {
                    Answer::Result
                } else {
                    Answer::None(format!("another result: {:?}", String::from_utf8_lossy(&result)))
                }
            })
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(ClientError::NoServer { .. }) => return None,
            Err(ClientError::Failed { warnings, .. }) => Answer::Failed(warnings.join("; ")),
            Err(error @ ClientError::Io { .. }) => Answer::ConnectionLost(error.to_string()),
            Err(error) => Answer::None(error.to_string()),
        };
        Some(Submission { server: self.server(), span: Span { from, until: now() }, handle, answer })
    }

    /// The job server used last.
    fn server(&self) -> usize {
        let used = self.client.server().to_string();
        self.world.servers.iter().position(|server| server.address() == used).expect("it is one of ours")
    }
}
