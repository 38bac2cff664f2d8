//! All that a job server decides: who gets which job and who hears what of it.
//!
//! Pure: bytes come in with the time, bytes go out per connection, [`Server::next_timer`] says when to come back. It
//! logs, and does no other I/O. Sockets are the shell's work.
//!
//! | file | what |
//! | --- | --- |
//! | `submit` | jobs come in: SUBMIT_JOB and its like, uniques, limits |
//! | `work` | workers: abilities, sleep, grants, and what they say of their jobs |
//! | `ask` | questions and options of clients |
//! | `admin` | the admin text |
//! | `check` | what must hold at any time, for tests |
//! | `life` | what happens to a job besides: queued again, let go, over |

mod admin;
mod ask;
mod check;
mod life;
mod submit;
mod work;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use gearman_protocol::{Magic, PacketError, PacketType};

use crate::budget::Budget;
use crate::clock::Moment;
use crate::function::{FunctionId, Functions};
use crate::input::{Fault, Message};
use crate::job::{JobNumber, Jobs};
use crate::limits::{Identity, Limits};
use crate::links::{ConnectionId, Links};

/// A job server without sockets and without a clock.
///
/// Whoever drives it calls [`Server::connect`], then [`Server::receive`] with whatever bytes come, writes what
/// [`Server::unsent`] has for the connections of [`Server::take_dirty`], calls [`Server::tick`] when
/// [`Server::next_timer`] has passed, and [`Server::disconnect`] at the end of a connection.
#[derive(Debug)]
pub struct Server {
    limits: Limits,
    identity: Identity,
    handle_prefix: String,
    links: Links,
    functions: Functions,
    jobs: Jobs,
    last_number: JobNumber,
    budget: Budget,
    /// Running jobs that are taken away from their worker at that time.
    deadlines: BTreeSet<(Duration, JobNumber)>,
    /// Jobs for a later time, in seconds since 1970.
    later: BTreeSet<(u64, JobNumber)>,
}

impl Server {
    /// A server that knows nothing yet.
    #[must_use]
    pub fn new(limits: Limits, identity: Identity) -> Self {
        Self {
            handle_prefix: identity.handle_prefix(),
            links: Links::new(limits.output_bytes),
            functions: Functions::default(),
            jobs: Jobs::default(),
            last_number: 0,
            budget: Budget::new(limits.queue_bytes),
            deadlines: BTreeSet::new(),
            later: BTreeSet::new(),
            limits,
            identity,
        }
    }

    /// A connection from `address` (as `workers` shows it) was accepted. `None`: there are too many, close it.
    pub fn connect(&mut self, address: impl Into<String>) -> Option<ConnectionId> {
        let address = address.into();
        if self.links.len() >= self.limits.connections {
            log::warn!("job server: closing a connection of {address}: there are {} already", self.links.len());
            return None;
        }
        Some(self.links.add(address))
    }

    /// Bytes came on a connection. Answers, also to others, are then in [`Server::unsent`].
    pub fn receive(&mut self, now: Moment, id: ConnectionId, bytes: &[u8]) {
        let Some(link) = self.links.get_mut(id) else {
            return;
        };
        let mut input = std::mem::take(&mut link.input);
        let mut problem = None;
        let outcome = input.feed(bytes, self.limits.packet_bytes, |message| {
            if self.links.is_closing(id) {
                return ControlFlow::Break(());
            }
            match self.message(now, id, message) {
                Ok(()) => ControlFlow::Continue(()),
                Err(fault) => {
                    problem = Some(fault);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(fault) = problem.or(outcome.err()) {
            self.links.close(id, &fault);
        } else if let Some(link) = self.links.get_mut(id) {
            link.input = input;
        }
    }

    /// The connection has ended: its jobs go to other workers, and those that only it wanted are let go.
    pub fn disconnect(&mut self, id: ConnectionId) {
        if let Some(link) = self.links.get(id)
            && link.input.within_a_message()
        {
            log::warn!("job server: {link} ended its connection within a packet");
        }
        self.lose_worker(id);
        self.lose_client(id);
        self.links.remove(id);
    }

    /// Does what is due: jobs whose worker took too long, jobs for a time that has come.
    pub fn tick(&mut self, now: Moment) {
        while let Some(&(deadline, job)) = self.deadlines.first()
            && deadline <= now.elapsed
        {
            log::warn!("job server: {} took longer than its worker's CAN_DO_TIMEOUT: queued again", self.handle(job));
            self.deadlines.remove(&(deadline, job));
            self.requeue(job);
        }
        while let Some(&(due, job)) = self.later.first()
            && Duration::from_secs(due) <= now.unix
        {
            self.later.remove(&(due, job));
            self.is_due(job);
        }
    }

    /// How long from `now` until [`Server::tick`] has something to do; `None`: nothing is planned.
    #[must_use]
    pub fn next_timer(&self, now: Moment) -> Option<Duration> {
        let deadline = self.deadlines.first().map(|(deadline, _)| deadline.saturating_sub(now.elapsed));
        let due = self.later.first().map(|(due, _)| Duration::from_secs(*due).saturating_sub(now.unix));
        [deadline, due].into_iter().flatten().min()
    }

    /// Appends the connections for which there is something to write, or which are to be closed, since the last call.
    pub fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        self.links.take_dirty(into);
    }

    /// What is to be written to a connection next.
    #[must_use]
    pub fn unsent(&self, id: ConnectionId) -> &[u8] {
        self.links.unsent(id)
    }

    /// So many bytes of [`Server::unsent`] have been written.
    pub fn sent(&mut self, id: ConnectionId, n: usize) {
        self.links.sent(id, n);
    }

    /// Whether the connection is to be closed once [`Server::unsent`] is written.
    #[must_use]
    pub fn is_closing(&self, id: ConnectionId) -> bool {
        self.links.is_closing(id)
    }

    /// Connections at present.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.links.len()
    }

    /// Jobs at present: waiting, running, or for a later time.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// The functions that it knows.
    #[must_use]
    pub fn function_names(&self) -> Vec<Vec<u8>> {
        self.functions.iter().map(|(_, function)| function.name.to_vec()).collect()
    }

    fn message(&mut self, now: Moment, id: ConnectionId, message: Message<'_>) -> Result<(), Fault> {
        match message {
            Message::Line(line) => self.admin(id, line),
            Message::Packet { magic: Magic::Request, kind, body } => Ok(self.request(now, id, kind, body)?),
            Message::Packet { magic: Magic::Response, .. } => {
                self.links.error(id, "INVALID_MAGIC", "Request magic expected");
                Ok(())
            }
            Message::Unused => {
                self.not_expected(id);
                Ok(())
            }
        }
    }

    fn request(&mut self, now: Moment, id: ConnectionId, kind: PacketType, body: &[u8]) -> Result<(), PacketError> {
        use PacketType as P;
        match kind {
            P::SubmitJob
            | P::SubmitJobBg
            | P::SubmitJobHigh
            | P::SubmitJobHighBg
            | P::SubmitJobLow
            | P::SubmitJobLowBg
            | P::SubmitJobEpoch
            | P::SubmitReduceJob
            | P::SubmitReduceJobBackground => return self.submit(now, id, kind, body),
            P::GrabJob | P::GrabJobUniq | P::GrabJobAll => self.grab(now, id, kind),
            P::PreSleep => self.pre_sleep(id),
            P::WorkData | P::WorkWarning | P::WorkStatus | P::WorkComplete | P::WorkException | P::WorkFail => {
                return self.work(id, kind, body);
            }
            P::CanDo => self.can_do(id, body, None),
            P::CanDoTimeout => return self.can_do_timeout(id, body),
            P::CantDo => self.cant_do(id, body),
            P::ResetAbilities => self.reset_abilities(id),
            P::EchoReq => self.links.packet(id, P::EchoRes, &[body]),
            P::GetStatus => self.get_status(id, body),
            P::GetStatusUnique => self.get_status_unique(id, body),
            P::OptionReq => self.option(id, body),
            P::SetClientId => self.set_client_id(id, body),
            P::Noop
            | P::JobCreated
            | P::NoJob
            | P::JobAssign
            | P::EchoRes
            | P::Error
            | P::StatusRes
            | P::AllYours
            | P::OptionRes
            | P::JobAssignUniq
            | P::SubmitJobSched
            | P::JobAssignAll
            | P::StatusResUnique => self.not_expected(id),
        }
        Ok(())
    }

    fn not_expected(&mut self, id: ConnectionId) {
        self.links.error(id, "INVALID_COMMAND", "Command not expected");
    }

    fn handle(&self, job: JobNumber) -> String {
        format!("{}{job}", self.handle_prefix)
    }

    /// The number in a handle of ours, which ends at the first NUL.
    fn number(&self, handle: &[u8]) -> Option<JobNumber> {
        let digits = until_nul(handle).strip_prefix(self.handle_prefix.as_bytes())?;
        let canonical = matches!(digits, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
        if canonical { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
    }

    /// The function of this name; made when it is not there. `None`: no memory for it.
    fn function(&mut self, name: &[u8]) -> Option<FunctionId> {
        if let Some(id) = self.functions.find(name) {
            return Some(id);
        }
        self.budget.take(function_cost(name)).then(|| self.functions.add(name))
    }
}

fn function_cost(name: &[u8]) -> usize {
    crate::budget::RECORD + 2 * name.len()
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The first `N` arguments of a body; the last takes the rest, with every NUL in it.
fn args<const N: usize>(kind: PacketType, body: &[u8]) -> Result<[&[u8]; N], PacketError> {
    let mut args: [&[u8]; N] = [&[]; N];
    let mut parts = body.splitn(N, |&byte| byte == 0);
    for (found, arg) in args.iter_mut().enumerate() {
        *arg = parts.next().ok_or(PacketError::MissingArguments { kind, expected: N, found })?;
    }
    Ok(args)
}

/// As C's `atoi`: leading white space, a sign, digits, and whatever follows; 0 when that is nothing.
fn leading_number(bytes: &[u8]) -> i64 {
    let bytes = bytes.trim_ascii_start();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        digits => (false, digits),
    };
    let mut number = 0_i64;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    if negative { -number } else { number }
}
