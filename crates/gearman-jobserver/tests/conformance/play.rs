//! Plays a script against a server.
//!
//! After each packet that a connection sends, ECHO_REQ goes out and everything up to its answer is read: the server has
//! then dealt with the packet before the next step begins, on whatever connection. So no step waits for a time to pass.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use gearman_protocol::packet::encode;
use gearman_protocol::{Decoder, Magic, Packet, PacketType};

use crate::script::{Action, Case, Server, unescape};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

type Outcome = Result<(), String>;

/// Plays the case; an error says at which step what was there instead.
pub(crate) fn play(case: &Case, server: Server, address: SocketAddr) -> Outcome {
    let mut stage = Stage { address, actors: BTreeMap::new(), handles: Vec::new(), fences: 0 };
    for step in case.steps(server) {
        stage
            .step(&step.action)
            .map_err(|error| format!("{} with {server:?}, at `{}`: {error}\n", case.name, step.text))?;
    }
    Ok(())
}

struct Stage {
    address: SocketAddr,
    actors: BTreeMap<String, Actor>,
    /// The handles that came, @1 first.
    handles: Vec<String>,
    fences: u32,
}

struct Actor {
    stream: TcpStream,
    decoder: Decoder,
    inbox: VecDeque<Packet>,
}

impl Stage {
    fn step(&mut self, action: &Action) -> Outcome {
        match action {
            Action::Send { who, kind, args } => {
                let args: Vec<Vec<u8>> = args.iter().map(|arg| self.bytes(arg)).collect();
                let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                let mut out = Vec::new();
                encode(Magic::Request, *kind, &args, &mut out).map_err(|error| error.to_string())?;
                self.actor(who)?.send(&out)?;
                self.fence(who)
            }
            Action::SendRaw { who, bytes } => {
                let bytes = self.bytes(bytes);
                self.actor(who)?.send(&bytes)
            }
            Action::Receive { who, kind, args } => {
                let packet = self.actor(who)?.next()?.ok_or("the connection was closed")?;
                self.compare(&packet, *kind, args)
            }
            Action::ReceiveNothing { who } => {
                self.fence(who)?;
                let inbox = &self.actor(who)?.inbox;
                if inbox.is_empty() { Ok(()) } else { Err(format!("there is {}", show(&inbox[0]))) }
            }
            Action::ReceiveClosed { who } => match self.actor(who)?.next()? {
                None => Ok(()),
                Some(packet) => Err(format!("there is {}", show(&packet))),
            },
            Action::Close { who } => {
                self.actors.remove(who);
                Ok(())
            }
            Action::Admin { command, end, answer } => self.admin(command, end, answer),
        }
    }

    fn actor(&mut self, who: &str) -> Result<&mut Actor, String> {
        if !self.actors.contains_key(who) {
            let stream = connect(self.address)?;
            self.actors
                .insert(who.to_owned(), Actor { stream, decoder: Decoder::new(usize::MAX), inbox: VecDeque::new() });
        }
        self.actors.get_mut(who).ok_or_else(|| "no such connection".to_owned())
    }

    fn fence(&mut self, who: &str) -> Outcome {
        self.fences += 1;
        let mark = format!("fence {}", self.fences).into_bytes();
        let mut out = Vec::new();
        encode(Magic::Request, PacketType::EchoReq, &[&mark], &mut out).map_err(|error| error.to_string())?;
        let actor = self.actor(who)?;
        actor.send(&out)?;
        let before = std::mem::take(&mut actor.inbox);
        let mut since = VecDeque::new();
        loop {
            let packet = actor.next()?.ok_or("the connection was closed")?;
            if packet.kind == PacketType::EchoRes && packet.body == mark {
                break;
            }
            since.push_back(packet);
        }
        actor.inbox = before.into_iter().chain(since).collect();
        Ok(())
    }

    /// The bytes of an argument: escapes, and `@n` for the n-th handle.
    fn bytes(&self, text: &str) -> Vec<u8> {
        let text = self
            .handles
            .iter()
            .enumerate()
            .fold(text.to_owned(), |text, (index, handle)| text.replace(&format!("@{}", index + 1), handle));
        unescape(&text)
    }

    fn compare(&mut self, packet: &Packet, kind: PacketType, args: &[String]) -> Outcome {
        let next = format!("@{}", self.handles.len() + 1);
        if kind == PacketType::JobCreated && args == [next] {
            let handle = String::from_utf8_lossy(&packet.body).into_owned();
            let digits = handle.rsplit_once(':').map_or("", |(_, digits)| digits);
            if !handle.starts_with("H:") || digits.parse::<u32>().is_err() || self.handles.contains(&handle) {
                return Err(format!("there is {}", show(packet)));
            }
            self.handles.push(handle);
        }
        let body: Vec<Vec<u8>> = args.iter().map(|arg| self.bytes(arg)).collect();
        if packet.magic == Magic::Response && packet.kind == kind && packet.body == body.join(&0) {
            Ok(())
        } else {
            Err(format!("there is {}", show(packet)))
        }
    }

    fn admin(&self, command: &str, end: &str, answer: &[String]) -> Outcome {
        let wanted: Vec<String> =
            answer.iter().map(|line| String::from_utf8_lossy(&self.bytes(line)).into_owned()).collect();
        let command = String::from_utf8_lossy(&self.bytes(command)).into_owned();
        let first = command.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        let only_looks = matches!(first.as_str(), "status" | "prioritystatus" | "workers" | "show");
        let end_of_patience = Instant::now() + PATIENCE;
        loop {
            let lines = ask(self.address, &format!("{command}{end}"), only_looks)?;
            if lines == sorted(wanted.clone()) {
                return Ok(());
            }
            // What went before, a connection's end for one, may not have been noticed yet.
            if !only_looks || Instant::now() > end_of_patience {
                return Err(format!("there is {lines:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Actor {
    fn send(&mut self, bytes: &[u8]) -> Outcome {
        self.stream.write_all(bytes).map_err(|error| format!("sending: {error}"))
    }

    /// The next packet; `None` when the connection was closed.
    fn next(&mut self) -> Result<Option<Packet>, String> {
        if let Some(packet) = self.inbox.pop_front() {
            return Ok(Some(packet));
        }
        loop {
            if let Some(packet) = self.decoder.next_packet().map_err(|error| error.to_string())? {
                return Ok(Some(packet));
            }
            match self.stream.read(self.decoder.space()) {
                Ok(0) => return Ok(None),
                Ok(n) => self.decoder.filled(n),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(format!("receiving: {error}")),
            }
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// The lines of an answer, without line feed and closing dot, sorted; what differs each time is masked.
fn ask(address: SocketAddr, command: &str, closes_with_dot: bool) -> Result<Vec<String>, String> {
    let mut stream = connect(address)?;
    stream.write_all(command.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let complete = |answer: &[u8]| {
        if closes_with_dot && !answer.starts_with(b"ERR ") {
            answer == b".\n" || answer.ends_with(b"\n.\n")
        } else {
            answer.ends_with(b"\n")
        }
    };
    while !complete(&answer) {
        match stream.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return Ok(vec!["closed".to_owned()]),
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let mut lines: Vec<String> = text.split_terminator('\n').map(str::to_owned).collect();
    if closes_with_dot && lines.last().is_some_and(|line| line == ".") {
        lines.pop();
    }
    let verb = command.split(' ').next().unwrap_or_default().trim_end();
    for line in &mut lines {
        match verb {
            "workers" => {
                if let Some((_, rest)) = line.split_once(' ') {
                    *line = format!("# {rest}");
                }
            }
            "version" | "getpid" | "verbose" => {
                if let Some(said) = line.strip_prefix("OK ").filter(|said| !said.contains(' ')) {
                    let digits = said.bytes().all(|byte| byte.is_ascii_digit());
                    *line = format!("OK {}", if digits { "NUMBER" } else { "WORD" });
                }
            }
            _ => {}
        }
    }
    Ok(sorted(lines))
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn show(packet: &Packet) -> String {
    let body = packet.body.escape_ascii().to_string().replace("\\x00", "|");
    format!("{} {body}", packet.kind)
}
