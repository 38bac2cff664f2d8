//! The loop of a worker process: blocking, at most one job at a time, whichever job server it comes from.
//!
//! A job server is asked for a job only after its NOOP said that one waits, so that one which is frozen or away never
//! stops the others; and one server at a time, so that no second job is granted while one runs. The answer to a job and
//! the question for the next go out in one write.

use std::io;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gearman_driver_sys::clock::monotonic;
use gearman_driver_sys::lifeline;
use gearman_driver_sys::signal::SelfPipe;
use gearman_driver_wire::scoreboard::State;
use gearman_protocol::{JobAssignment, PacketType, ServerList, request};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

use super::board::Board;
use super::logger;
use super::outgoing::Outgoing;
use super::packets::{registration, renewal};
use super::poison::{AtWork, Suspects};
use super::server::{Server, Standing};
use super::socket::write_within;
use super::watchdog::Watchdog;
use super::wear::Wear;
use crate::api::{Answer, Job, JobLink, Notes, Outcome, ProcessWorker};

/// How long a job server may take to answer GRAB_JOB while others could be asked.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a drain waits for what a job server owes.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// What the ECHO_REQ of the exit fence says.
pub(super) const FENCE: &[u8] = b"drained";

/// The loop of one worker process.
pub(super) struct JobLoop<'a> {
    servers: Vec<Server>,
    functions: &'a [String],
    registration: Vec<u8>,
    /// What ends a job server's timer between two jobs, where they have one.
    renewal: Option<Vec<u8>>,
    worker: &'a ProcessWorker,
    board: &'a Board,
    suspects: &'a Suspects,
    stop: &'a SelfPipe,
    turn: usize,
    /// How many job servers the scoreboard says that the process is registered with.
    registered: usize,
    idle: bool,
    /// The process is to be replaced: a job panicked, or it may begin no more.
    replace: bool,
    wear: Wear,
    /// Where jobs have a timeout.
    watchdog: Option<Rc<Watchdog>>,
    out: Outgoing,
}

/// What a job server answered to GRAB_JOB_UNIQ.
enum Granted {
    Job(JobAssignment),
    Nothing,
    /// The connection is gone or was left.
    Lost,
}

impl<'a> JobLoop<'a> {
    #[allow(clippy::too_many_arguments, reason = "what a process is made of, used once")]
    pub(super) fn new(
        servers: &ServerList,
        server_list: &str,
        functions: &'a [String],
        client_id: &str,
        worker: &'a ProcessWorker,
        board: &'a Arc<Board>,
        suspects: &'a Suspects,
        stop: &'a SelfPipe,
    ) -> io::Result<Self> {
        let server_list: Rc<str> = server_list.into();
        let limits = &worker.job().limits;
        let watchdog = limits.timeout.map(|timeout| Watchdog::start(timeout, Arc::clone(board)).map(Rc::new));
        let watchdog = watchdog.transpose()?;
        let server = |address| Server::new(address, Rc::clone(&server_list), watchdog.clone());
        Ok(Self {
            servers: servers.iter().map(server).collect(),
            functions,
            registration: registration(client_id, functions, limits.server_timeout),
            renewal: limits.server_timeout.map(|time| renewal(functions, Some(time))),
            worker,
            board,
            suspects,
            stop,
            turn: 0,
            registered: 0,
            idle: true,
            replace: false,
            wear: Wear::new(limits),
            watchdog,
            out: Outgoing::default(),
        })
    }

    /// Takes and runs jobs until the process is to stop; then loses nothing of what it holds.
    pub(super) fn run(mut self) {
        while !self.stopping() {
            match self.next_woken() {
                Some(server) => self.work(server),
                None => self.wait(None),
            }
        }
        self.board.state(State::Draining);
        self.leave();
    }

    fn stopping(&self) -> bool {
        self.replace || self.stop.raised()
    }

    /// The woken server whose turn it is.
    fn next_woken(&mut self) -> Option<usize> {
        let count = self.servers.len();
        let found = (1..=count).map(|n| (self.turn + n) % count).find(|server| self.servers[*server].woken())?;
        self.turn = found;
        Some(found)
    }

    /// Waits until a server has something to say, the process is to stop, or something is due.
    fn wait(&mut self, limit: Option<Duration>) {
        if !self.idle && limit.is_none() {
            self.idle = true;
            self.board.state(State::Idle);
        }
        let mut due: Option<Instant> = limit.map(|limit| Instant::now() + limit);
        let mut fds = vec![PollFd::new(self.stop.as_fd(), PollFlags::POLLIN)];
        let mut of = Vec::with_capacity(self.servers.len());
        for (server, (interest, until)) in self.servers.iter().map(Server::interest).enumerate() {
            due = [due, until].into_iter().flatten().min();
            if let Some((fd, events)) = interest {
                of.push(server);
                fds.push(PollFd::new(fd, events));
            }
        }
        let timeout = due.map_or(PollTimeout::NONE, |due| {
            // One more millisecond: what is due is to be due when the wait ends.
            let millis = due.saturating_duration_since(Instant::now()).as_millis().min(60_000);
            PollTimeout::from(if limit.is_some_and(|limit| limit.is_zero()) { 0 } else { millis as u16 + 1 })
        });
        // What the kernel may say that we don't know of is looked at, too.
        let events = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::POLLIN);
        let ready: Vec<(usize, PollFlags)> = match poll(&mut fds, timeout) {
            Ok(_) => of.iter().copied().zip(fds[1..].iter().map(events)).collect(),
            Err(Errno::EINTR) => return,
            Err(error) => {
                log::error!("a worker process can't wait for its job servers: {error}");
                std::thread::sleep(Duration::from_millis(100));
                return;
            }
        };
        drop(fds);
        let mut ready = ready.into_iter().peekable();
        for (index, server) in self.servers.iter_mut().enumerate() {
            let events = ready.next_if(|(of, _)| *of == index).map_or(PollFlags::empty(), |(_, events)| events);
            server.advance(events, &self.registration);
        }
        self.count();
    }

    /// Says how many job servers the process is registered with, where that has changed.
    fn count(&mut self) {
        let registered = self.servers.iter().filter(|server| server.counts()).count();
        if registered != std::mem::replace(&mut self.registered, registered) {
            self.board.servers(registered);
        }
    }

    /// Asks a server for jobs, one after the other, until it has none, another one's turn comes, or the process is to stop.
    fn work(&mut self, server: usize) {
        let mut answered = None;
        loop {
            self.renew(server);
            request::grab_job_uniq(self.out.packets());
            if !self.send(server, answered.as_deref()) {
                return;
            }
            // While the server looks for a job; what the last one returned has been sent and dropped.
            self.wear.measure(self.board);
            let granted = self.answer(server);
            self.count();
            let assignment = match granted {
                Granted::Job(assignment) => Rc::new(assignment),
                Granted::Nothing => return self.sleep(server, None),
                Granted::Lost => return,
            };
            if let Some(up) = self.servers[server].up() {
                up.timed = true;
            }
            answered = self.run_job(server, &assignment).then_some(assignment);
            if self.stopping() {
                self.board.state(State::Draining);
                self.send(server, answered.as_deref());
                return;
            }
            if self.others_wait(server) {
                return self.sleep(server, answered.as_deref());
            }
        }
    }

    /// Sends PRE_SLEEP, behind the answer to `answered`: the server wakes us at once if a job waits.
    fn sleep(&mut self, server: usize, answered: Option<&JobAssignment>) {
        self.renew(server);
        request::pre_sleep(self.out.packets());
        if let Some(up) = self.servers[server].up() {
            up.standing = Standing::Asleep;
        }
        self.send(server, answered);
    }

    /// Puts into `out` what ends the server's timer for the last job, if it has one. The answer is there before it, or sent.
    fn renew(&mut self, server: usize) {
        if let (Some(renewal), Some(up)) = (&self.renewal, self.servers[server].up())
            && std::mem::take(&mut up.timed)
        {
            self.out.packets().extend_from_slice(renewal);
        }
    }

    /// Sends what is in `out`, the answer to `answered` among it; false when the connection is gone.
    fn send(&mut self, server: usize, answered: Option<&JobAssignment>) -> bool {
        let server = &mut self.servers[server];
        let sent = match server.up() {
            Some(up) => self.out.send(&up.stream),
            None => {
                self.out.clear();
                Err(ErrorKind::NotConnected.into())
            }
        };
        let Err(error) = sent else { return true };
        if let Some(job) = answered {
            log::warn!(
                "the answer to job {} could not be sent to job server {} ({error}), which will give the job to a worker again",
                job.handle_text(),
                server.name
            );
        }
        if server.is_up() {
            server.lost(&error.to_string());
        }
        false
    }

    /// Waits for the answer to GRAB_JOB_UNIQ.
    fn answer(&mut self, index: usize) -> Granted {
        let others = self.servers.len() > 1;
        if let Some(up) = self.servers[index].up() {
            up.pulse.asked(Instant::now());
        }
        loop {
            let server = &mut self.servers[index];
            let Some(up) = server.up() else { return Granted::Lost };
            let packet = match up.decoder.next_packet() {
                Ok(packet) => packet,
                Err(error) => {
                    server.garbage(&error.to_string());
                    return Granted::Lost;
                }
            };
            if let Some(packet) = packet {
                match packet.kind {
                    PacketType::NoJob => {
                        server.seen_well();
                        return Granted::Nothing;
                    }
                    PacketType::JobAssign | PacketType::JobAssignUniq | PacketType::JobAssignAll => {
                        match JobAssignment::from_packet(packet) {
                            Ok(assignment) => {
                                server.seen_well();
                                return Granted::Job(assignment);
                            }
                            Err(error) => {
                                server.garbage(&error.to_string());
                                return Granted::Lost;
                            }
                        }
                    }
                    _ => {
                        if let Err(reason) = server.aside(&packet) {
                            server.garbage(&reason);
                            return Granted::Lost;
                        }
                        if let Some(up) = server.up() {
                            up.pulse.asked(Instant::now());
                        }
                    }
                }
                continue;
            }
            match up.read() {
                Ok(0) => {
                    server.lost("it closed the connection");
                    return Granted::Lost;
                }
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    let now = Instant::now();
                    let silent = now.saturating_duration_since(up.pulse.silent_since());
                    if (others && silent >= ANSWER_TIMEOUT) || (self.stop.raised() && silent >= DRAIN_TIMEOUT) {
                        server.part();
                        return Granted::Lost;
                    }
                    server.follow(now);
                    self.count();
                    if silent >= READ_PATIENCE && !self.idle {
                        // Nothing is in hand, whatever the server is up to.
                        self.idle = true;
                        self.board.state(State::Idle);
                    }
                }
                Err(error) => {
                    server.lost(&error.to_string());
                    return Granted::Lost;
                }
            }
        }
    }

    /// Whether another server has said that a job waits there.
    fn others_wait(&mut self, server: usize) -> bool {
        if self.servers.len() == 1 {
            return false;
        }
        // The one that is being served has nothing to say that may be taken here but wake-ups.
        self.wait(Some(Duration::ZERO));
        self.servers.iter().enumerate().any(|(other, state)| other != server && state.woken())
    }

    /// Runs a job and puts its answer into `out`. Whether there is one: where the job has timed out, it was answered.
    fn run_job(&mut self, server: usize, assignment: &Rc<JobAssignment>) -> bool {
        let started = monotonic();
        let function = self.functions.iter().position(|name| name.as_bytes() == assignment.function());
        let answer = match (function, self.servers[server].up()) {
            (Some(function), Some(up)) => {
                up.link.job(assignment.handle());
                let (link, stream) = (Rc::clone(&up.link) as Rc<dyn JobLink>, Arc::clone(&up.stream));
                self.board.begin(function, assignment.handle(), started, self.idle);
                self.replace |= self.wear.begin(self.board);
                self.idle = false;
                let work = AtWork::of(function, assignment, &self.servers[server].name);
                logger::job(assignment.handle());
                let (outcome, failed) = match self.suspects.refuse(&work) {
                    Some(message) => (self.worker.refuse(function, message, self.board), false),
                    None => self.run_method(&work, link, &stream, assignment, started),
                };
                self.suspects.answered(&work);
                let took = monotonic().saturating_sub(started);
                self.replace |= outcome.replace_process;
                if failed {
                    log::info!("the method has returned after {:.1} s; its answer is dropped", took.as_secs_f64());
                    logger::job(b"");
                    self.board.none_in_hand();
                    return false;
                }
                logger::job(b"");
                self.board.finish(matches!(outcome.answer, Answer::Complete(_)), took);
                outcome.answer
            }
            _ => {
                // A job server gives only what was registered; if it does not, the client is not left waiting.
                let message = format!("function {} is not registered by this worker", assignment.function_text());
                log::error!("job server {}: {message}", self.servers[server].name);
                Answer::Fail { message }
            }
        };
        if let Err(error) = self.out.answer(assignment.handle(), answer) {
            // A handle came out of a packet's arguments, where a NUL ends it.
            log::error!("the answer to job {} can't be sent: {error}", assignment.handle_text());
        }
        true
    }

    /// Runs the method; whether it has outlived its timeout, so that the job has been answered already.
    fn run_method(
        &self,
        work: &AtWork,
        link: Rc<dyn JobLink>,
        stream: &Arc<TcpStream>,
        assignment: &Rc<JobAssignment>,
        started: Duration,
    ) -> (Outcome, bool) {
        let mut notes: &dyn Notes = self.board;
        if let Some(watchdog) = &self.watchdog {
            let exceptions = self.worker.functions()[work.function].exceptions;
            watchdog.begin(stream, assignment.handle(), exceptions, started);
            notes = &**watchdog;
        }
        self.board.at_work(work);
        lifeline::job(true);
        let outcome = self.worker.run(work.function, &mut Job::new(link, Rc::clone(assignment)), notes);
        lifeline::job(false);
        (outcome, self.watchdog.as_ref().is_some_and(|watchdog| watchdog.end()))
    }

    /// The exit fence: nothing is held and nothing is asked for; each server gets RESET_ABILITIES and ECHO_REQ, and the
    /// connection is closed only after its ECHO_RES. Closing earlier, with a NOOP unread, would make the kernel reset
    /// the connection and lose an answer that is still on its way.
    fn leave(&mut self) {
        let mut fence = Vec::new();
        request::reset_abilities(&mut fence);
        if self.renewal.is_some() {
            // It ends the timer for the last job: another server may hold up our end.
            request::pre_sleep(&mut fence);
        }
        // It holds no NUL in a place where one would matter.
        let _ = request::echo_req(&mut fence, FENCE);
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let mut waiting: Vec<_> = self.servers.iter_mut().filter_map(Server::up).collect();
        waiting.retain_mut(|up| {
            let left = deadline.saturating_duration_since(Instant::now());
            write_within(&up.stream, &fence, left).is_ok()
        });
        while !waiting.is_empty() && Instant::now() < deadline {
            waiting.retain_mut(|up| {
                loop {
                    match up.decoder.next_packet() {
                        Ok(Some(packet)) if packet.kind == PacketType::EchoRes && packet.body == FENCE => return false,
                        Ok(Some(_)) => continue,
                        Ok(None) => {}
                        Err(_) => return false,
                    }
                    return match up.read() {
                        Ok(0) => false,
                        Ok(_) => continue,
                        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
                    };
                }
            });
        }
    }
}

/// How long the answer to GRAB_JOB may take before the process counts as idle.
const READ_PATIENCE: Duration = Duration::from_millis(250);
