//! The task of one job server: connects, registers, asks for jobs, sends answers, and leaves without losing any.
//!
//! A job server is asked for a job only after its NOOP said that one waits. One that does not answer keeps the permit that
//! it was asked with; it is left aside once no job of it is in hand, since leaving it sooner would give its jobs to
//! others while they run here.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gearman_driver_sys::limits;
use gearman_protocol::connection::prepare;
use gearman_protocol::{Decoder, JobAssignment, Packet, PacketType, ServerAddress, request};
use socket2::SockRef;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{sleep, sleep_until, timeout};

use super::line::Line;
use super::{Permit, Shared};
use crate::process::chance;
use crate::process::health::Health;
use crate::process::job_loop::{ANSWER_TIMEOUT, DRAIN_TIMEOUT, FENCE};
use crate::process::packets::sleeping_question;
use crate::process::pulse::{Pulse, Step};
use crate::process::server::{MAX_PACKET_BYTES, PARTING_TIMEOUT};
use crate::process::socket::WRITE_TIMEOUT;

/// One job server.
pub(super) struct ServerTask {
    address: ServerAddress,
    process: Rc<Shared>,
    /// There are other job servers.
    several: bool,
    health: Health,
    resolved: Vec<SocketAddr>,
    /// The last connection that was given up, its write end shut: a frozen server still has to read what we sent there.
    /// Closed, it would be reset when the server sends something first, and an answer on its way lost.
    given_up: Option<Rc<Line>>,
}

/// How long the look-up of a name may take.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// How a connection ended.
enum Ended {
    /// Nothing is held and nothing owed: the fence is passed, or the server is gone.
    Left,
    Lost(String),
    Garbage(String),
    /// The server owes an answer and did not give it.
    Silent,
    /// It was left aside, with nothing owed to it, and has not answered for long.
    GivenUp,
}

/// What happens if nothing else does.
enum Due {
    End(Ended),
    Pulse,
}

/// What the connection is used for, between two waits.
struct Talk {
    decoder: Decoder,
    /// A NOOP has come: a job may be there.
    woken: bool,
    /// GRAB_JOB was sent; the job that comes keeps the permit.
    asked: Option<Permit>,
    /// The place in the queue for a permit.
    queued: Option<Pin<Box<dyn Future<Output = Option<Permit>>>>>,
    /// Whether the server is still there.
    pulse: Pulse,
    /// Whether the scoreboard counts the server among those that the process is registered with.
    counted: bool,
    /// The server has a timer for a job that it has granted, see [`crate::process::packets::renewal`].
    timed: bool,
    /// The fence was put up: its ECHO_RES is waited for.
    fenced: bool,
}

impl ServerTask {
    pub(super) fn new(address: &ServerAddress, process: Rc<Shared>, several: bool) -> Self {
        // On this thread, as no job is in hand yet: a thread of its own would cost each process memory.
        let resolved = std::net::ToSocketAddrs::to_socket_addrs(&(address.host.as_str(), address.port))
            .map(Iterator::collect)
            .unwrap_or_default();
        let health = Health::new(address.to_string());
        Self { health, address: address.clone(), process, several, resolved, given_up: None }
    }

    /// Serves the job server until the process is to stop and nothing of it is held.
    pub(super) async fn run(mut self) {
        let mut stop = self.process.stop.subscribe();
        loop {
            let connected = tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                connected = self.connect() => connected,
            };
            match connected {
                Ok(stream) => {
                    let (since, line) = (Instant::now(), Rc::new(Line::new(self.health.name.clone(), stream)));
                    match self.serve(&line, &mut stop).await {
                        Ended::Left => return line.close(),
                        Ended::Lost(reason) => {
                            line.close();
                            self.health.lost(&reason);
                        }
                        Ended::Garbage(reason) => {
                            line.close();
                            self.health.garbage(&reason);
                        }
                        Ended::Silent => {
                            self.part(&line, &mut stop).await;
                            line.close();
                            continue;
                        }
                        Ended::GivenUp => {
                            let _ = SockRef::from(&line.stream).shutdown(std::net::Shutdown::Write);
                            self.given_up = Some(line);
                            self.health.lost("it has not answered for long");
                        }
                    }
                    self.health.lived(since);
                }
                Err(reason) => {
                    self.health.lost(&format!("no connection: {reason}"));
                    // The name may have moved; what was known before may still do.
                    self.look_up().await;
                }
            }
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = sleep(self.health.delay()) => {}
            }
        }
    }

    async fn look_up(&mut self) {
        let name = (self.address.host.as_str(), self.address.port);
        if let Ok(Ok(addresses)) = timeout(LOOK_UP_TIMEOUT, lookup_host(name)).await {
            self.resolved = addresses.collect();
        }
    }

    /// Connects to the first of the name's addresses that accepts.
    async fn connect(&mut self) -> Result<TcpStream, String> {
        let mut last = "the name has no address".to_owned();
        for address in &self.resolved {
            last = match timeout(self.health.patience(), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => match prepare(&stream) {
                    Ok(()) => return Ok(stream),
                    Err(error) => format!("it can't be set up: {error}"),
                },
                Ok(Err(error)) => limits::explain(error).to_string(),
                Err(_) => "none in time".to_owned(),
            };
        }
        Err(last)
    }

    async fn serve(&mut self, line: &Rc<Line>, stop: &mut watch::Receiver<bool>) -> Ended {
        // It ends in PRE_SLEEP, and a question.
        line.push(|out| out.extend_from_slice(&self.process.registration));
        log::debug!("registered with job server {}", self.health.name);
        let mut talk = Talk {
            decoder: Decoder::new(MAX_PACKET_BYTES),
            woken: false,
            asked: None,
            queued: None,
            pulse: Pulse::begin(self.health.times, Instant::now(), chance::unit()),
            counted: false,
            timed: false,
            fenced: false,
        };
        let ended = self.talk(&mut talk, line, stop).await;
        if talk.counted {
            self.process.registered(false);
        }
        ended
    }

    async fn talk(&mut self, talk: &mut Talk, line: &Rc<Line>, stop: &mut watch::Receiver<bool>) -> Ended {
        loop {
            loop {
                match talk.decoder.next_packet() {
                    Ok(None) => break,
                    Ok(Some(packet)) => match self.take(packet, talk, line) {
                        Ok(None) => {}
                        Ok(Some(ended)) => return ended,
                        Err(reason) => return Ended::Garbage(reason),
                    },
                    Err(error) => return Ended::Garbage(error.to_string()),
                }
            }
            let draining = *stop.borrow();
            self.plan(talk, line, draining);
            if talk.counted != talk.pulse.counts() {
                talk.counted = !talk.counted;
                self.process.registered(talk.counted);
            }
            let all_sent = match line.flush() {
                Ok(all_sent) => all_sent,
                Err(error) => return Ended::Lost(error.to_string()),
            };
            let due = self.due(talk, line, draining, all_sent);
            match due {
                Some((when, Due::End(ended @ (Ended::Lost(_) | Ended::Left)))) if when <= Instant::now() => {
                    return ended;
                }
                // A method that is not asynchronous may have held up everything: what came meanwhile is to be seen first.
                Some((when, _)) if when <= Instant::now() => yield_now().await,
                _ => {}
            }
            tokio::select! {
                // First the permit, so that the question for the next job goes out with the answer to the last.
                biased;
                permit = granted(&mut talk.queued), if talk.queued.is_some() => {
                    talk.queued = None;
                    if let Some(permit) = permit {
                        talk.asked = Some(permit);
                        talk.pulse.asked(Instant::now());
                        self.renew(talk, line);
                        line.push(request::grab_job_uniq);
                    }
                }
                () = line.changed.notified() => {
                    // There is no permit to ask for the next job with, which ends the timer as well.
                    if talk.timed && self.process.renewal.is_some() && talk.asked.is_none() && line.held() == 0 && !talk.fenced {
                        self.renew(talk, line);
                        line.push(request::pre_sleep);
                    }
                }
                () = stopped(stop), if !draining => {}
                readable = line.stream.readable() => {
                    let read = readable.and_then(|()| line.stream.try_read(talk.decoder.space()));
                    match read {
                        Ok(0) if talk.fenced => return Ended::Left,
                        Ok(0) => return Ended::Lost("it closed the connection".to_owned()),
                        Ok(n) => {
                            talk.decoder.filled(n);
                            talk.pulse.moved(Instant::now());
                        }
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        Err(error) => return Ended::Lost(error.to_string()),
                    }
                }
                _ = line.stream.writable(), if !all_sent => {}
                () = time_of(due.as_ref()) => match due {
                    Some((_, Due::End(ended))) => return ended,
                    _ => match talk.pulse.step(Instant::now(), talk.is_idle(line)) {
                        None => {}
                        Some(Step::Ask) => line.push(|out| out.extend(sleeping_question())),
                        Some(Step::LeaveAside) => self.health.silent(),
                        Some(Step::GiveUp) => return Ended::GivenUp,
                    },
                },
            }
        }
    }

    /// Takes a packet; how the connection ends, if it does.
    fn take(&mut self, packet: Packet, talk: &mut Talk, line: &Rc<Line>) -> Result<Option<Ended>, String> {
        match packet.kind {
            PacketType::Noop => {
                talk.woken = true;
                self.health.seen_well();
            }
            PacketType::NoJob if talk.asked.is_some() => {
                talk.asked = None;
                self.health.seen_well();
                // The server wakes us at once if a job waits.
                talk.woken = false;
                line.push(request::pre_sleep);
            }
            kind if JobAssignment::is_assignment(kind) && talk.asked.is_some() => {
                let assignment = JobAssignment::from_packet(packet).map_err(|error| error.to_string())?;
                self.health.seen_well();
                talk.timed = true;
                if let Some(permit) = talk.asked.take() {
                    self.process.start(assignment, line, permit);
                }
            }
            PacketType::EchoRes if talk.fenced && packet.body == FENCE => return Ok(Some(Ended::Left)),
            _ => self.health.aside(&packet)?,
        }
        self.health.heard();
        talk.pulse.heard(Instant::now());
        if talk.asked.is_some() {
            talk.pulse.asked(Instant::now());
        }
        Ok(None)
    }

    /// Decides what to ask for next.
    fn plan(&self, talk: &mut Talk, line: &Line, draining: bool) {
        if !draining {
            if talk.woken && talk.asked.is_none() && talk.queued.is_none() {
                talk.queued = Some(Box::pin(Rc::clone(&self.process).permit()));
            }
            return;
        }
        talk.queued = None;
        // The exit fence. Never while a job is held, which it would take away; and the connection is closed only after
        // ECHO_RES: closing earlier, with a NOOP unread, would make the kernel reset it and lose an answer on its way.
        if talk.asked.is_none() && line.held() == 0 && !talk.fenced {
            talk.fenced = true;
            line.push(|out| {
                request::reset_abilities(out);
                if self.process.renewal.is_some() {
                    request::pre_sleep(out);
                }
                // It holds no NUL in a place where one would matter.
                let _ = request::echo_req(out, FENCE);
            });
        }
    }

    /// Ends the server's timer for the last job, if it has one; nothing is held here.
    fn renew(&self, talk: &mut Talk, line: &Line) {
        if let Some(renewal) = &self.process.renewal
            && std::mem::take(&mut talk.timed)
        {
            line.push(|out| out.extend_from_slice(renewal));
        }
    }

    /// What happens if nothing else does, and when.
    fn due(&self, talk: &Talk, line: &Line, draining: bool, all_sent: bool) -> Option<(Instant, Due)> {
        let end = |when, ended| Some((when, Due::End(ended)));
        if !all_sent {
            return end(line.moved() + WRITE_TIMEOUT, Ended::Lost("it takes nothing for 30 s".to_owned()));
        }
        if talk.fenced {
            return end(line.moved() + DRAIN_TIMEOUT, Ended::Left);
        }
        if talk.asked.is_some() && line.held() == 0 {
            let silent_since = talk.pulse.silent_since();
            match (self.several, draining) {
                (true, _) => return end(silent_since + ANSWER_TIMEOUT, Ended::Silent),
                (false, true) => return end(silent_since + DRAIN_TIMEOUT, Ended::Silent),
                (false, false) => {}
            }
        }
        talk.pulse.due(talk.is_idle(line)).map(|(when, _)| (when, Due::Pulse))
    }

    /// Leaves a server that owes an answer: what it grants from now on, it takes back when it sees that our end is shut;
    /// what we sent it before still reaches it. Until it closes its end, nothing new is tried there.
    async fn part(&mut self, line: &Line, stop: &mut watch::Receiver<bool>) {
        self.health.silent();
        if SockRef::from(&line.stream).shutdown(std::net::Shutdown::Write).is_err() {
            return;
        }
        let closed = async {
            // Small: it is part of the task for all its life.
            let mut sink = [0; 256];
            while line.stream.readable().await.is_ok() {
                match line.stream.try_read(&mut sink) {
                    Ok(n) if n > 0 => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    _ => return,
                }
            }
        };
        tokio::select! {
            () = stopped(stop) => {}
            _ = timeout(PARTING_TIMEOUT, closed) => {}
        }
    }
}

impl Talk {
    /// Nothing is held, and nothing asked for.
    fn is_idle(&self, line: &Line) -> bool {
        !self.woken && self.asked.is_none() && line.held() == 0
    }
}

async fn time_of(due: Option<&(Instant, Due)>) {
    match due {
        Some((when, _)) => sleep_until((*when).into()).await,
        None => std::future::pending().await,
    }
}

async fn granted(queued: &mut Option<Pin<Box<dyn Future<Output = Option<Permit>>>>>) -> Option<Permit> {
    match queued {
        Some(queued) => queued.as_mut().await,
        None => None,
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // It can't fail while the process holds the sender.
    let _ = stop.wait_for(|stop| *stop).await;
}
