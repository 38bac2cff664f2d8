//! Any bytes as a life of a job server: connections come and go, send packets, admin text and garbage, time passes.
//!
//! Used by the test beside it and by the fuzz target `jobserver`.

use std::time::Duration;

use gearman_jobserver::{ConnectionId, Identity, Limits, Moment, Server};
use gearman_protocol::packet::{HEADER_LEN, encode};
use gearman_protocol::{Decoder, Magic, PacketType};

const FUNCTIONS: [&[u8]; 4] = [b"f", b"g", b"", b"F"];
const UNIQUES: [&[u8]; 5] = [b"", b"-", b"u", b"v", &[b'x'; 70]];
const LINES: [&str; 12] = [
    "status",
    "prioritystatus",
    "workers",
    "show jobs",
    "show unique jobs",
    "cancel job H:h:1",
    "cancel job H:h:2",
    "create function f",
    "drop function f",
    "maxqueue f 2",
    "maxqueue f 3 2 1",
    "bogus \0 x",
];
const STEPS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(1), Duration::from_secs(3600)];

/// Plays `bytes`, checking after each step. In the end a worker takes all jobs, and none may be left.
pub(crate) fn play(bytes: &[u8]) {
    let mut limits = Limits::default();
    limits.packet_bytes = 1000;
    limits.connections = 6;
    limits.queue_bytes = 20_000;
    limits.output_bytes = 2000;
    let identity = Identity { host: "h".to_owned(), pid: 1, version: "v".to_owned() };
    let mut world = World {
        server: Server::new(limits, identity),
        now: Moment { elapsed: Duration::ZERO, unix: Duration::from_secs(1_000_000) },
        open: Vec::new(),
    };
    let mut bytes = Bytes(bytes);
    while !bytes.0.is_empty() {
        world.step(&mut bytes);
        world.server.check();
    }
    world.drain();
}

struct World {
    server: Server,
    now: Moment,
    open: Vec<ConnectionId>,
}

/// Reads choices; zeros at the end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                (*first).into()
            }
            None => 0,
        }
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() % from.len()]
    }
}

impl World {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        if self.open.is_empty() {
            self.open.extend(self.server.connect("a"));
        }
        let place = bytes.next() % self.open.len();
        let id = self.open[place];
        match bytes.next() % 16 {
            0 => self.open.extend(self.server.connect("a")),
            1 => {
                self.server.disconnect(id);
                self.open.remove(place);
            }
            2 => {
                let step = bytes.choose(&STEPS);
                self.now.elapsed += step;
                self.now.unix += step;
                self.server.tick(self.now);
                let timer = self.server.next_timer(self.now);
                assert!(timer.is_none_or(|timer| timer > Duration::ZERO), "all that was due is done");
            }
            3 => {
                let count = bytes.next().min(bytes.0.len());
                let (raw, rest) = bytes.0.split_at(count);
                bytes.0 = rest;
                self.server.receive(self.now, id, raw);
            }
            4 => {
                let line = format!("{}\r\n", bytes.choose(&LINES));
                self.server.receive(self.now, id, line.as_bytes());
            }
            5 => {
                let n = bytes.next();
                self.server.sent(id, n);
                let mut dirty = Vec::new();
                self.server.take_dirty(&mut dirty);
                assert!(dirty.iter().all(|id| self.open.contains(id)), "news only of connections that are there");
            }
            6 => {
                let len = self.server.unsent(id).len();
                self.server.sent(id, len);
            }
            choice => {
                let packet = self.packet(choice, bytes);
                self.server.receive(self.now, id, &packet);
            }
        }
        assert!(self.server.unsent(id).len() <= 2000 + 20_000 + HEADER_LEN, "what waits for one that does not read");
    }

    fn packet(&self, choice: usize, bytes: &mut Bytes<'_>) -> Vec<u8> {
        use PacketType as P;
        let handle = format!("H:h:{}", bytes.next() % 20);
        let function = bytes.choose(&FUNCTIONS);
        let unique = bytes.choose(&UNIQUES);
        let due = (self.now.unix.as_secs() + (bytes.next() % 4) as u64).to_string();
        let workload = vec![b'w'; bytes.next() % 3 * 100];
        let submits =
            [P::SubmitJob, P::SubmitJobBg, P::SubmitJobHigh, P::SubmitJobHighBg, P::SubmitJobLow, P::SubmitJobLowBg];
        let work = [P::WorkComplete, P::WorkData, P::WorkWarning, P::WorkException];
        let (kind, args): (_, Vec<&[u8]>) = match choice {
            7 | 8 => (bytes.choose(&submits), vec![function, unique, &workload]),
            9 => (P::SubmitJobEpoch, vec![function, unique, due.as_bytes(), &workload]),
            10 => (P::CanDo, vec![function]),
            11 => (bytes.choose(&[P::GrabJob, P::GrabJobUniq, P::GrabJobAll, P::PreSleep]), vec![]),
            12 => (bytes.choose(&work), vec![handle.as_bytes(), &workload]),
            13 => match bytes.next() % 5 {
                0 => (P::CanDoTimeout, vec![function, b"1500"]),
                1 => (P::CantDo, vec![function]),
                2 => (P::ResetAbilities, vec![]),
                3 => (P::WorkFail, vec![handle.as_bytes()]),
                _ => (P::WorkStatus, vec![handle.as_bytes(), b"1", b"2"]),
            },
            14 => (P::SubmitReduceJob, vec![function, unique, b"r", b"0", &workload]),
            _ => (bytes.choose(P::ALL), vec![handle.as_bytes(), unique]),
        };
        let mut out = Vec::new();
        encode(Magic::Request, kind, &args, &mut out).expect("names here hold no NUL");
        out
    }

    /// All connections end, all times come, and one worker takes what is left.
    fn drain(mut self) {
        for id in std::mem::take(&mut self.open) {
            self.server.disconnect(id);
        }
        self.server.check();
        self.now.elapsed += Duration::from_secs(1 << 40);
        self.now.unix += Duration::from_secs(1 << 40);
        self.server.tick(self.now);
        let worker = self.server.connect("w").expect("no connection is open");
        for name in FUNCTIONS {
            self.say(worker, PacketType::CanDo, &[name]);
        }
        let mut decoder = Decoder::new(usize::MAX);
        loop {
            self.say(worker, PacketType::GrabJob, &[]);
            let unsent = self.server.unsent(worker).to_vec();
            self.server.sent(worker, unsent.len());
            decoder.push(&unsent);
            let mut idle = false;
            while let Some(packet) = decoder.next_packet().expect("what a server says is packets") {
                match packet.kind {
                    PacketType::JobAssign => {
                        let [handle, _, _] = packet.args().expect("handle, function, workload");
                        self.say(worker, PacketType::WorkComplete, &[handle, b""]);
                    }
                    PacketType::NoJob => idle = true,
                    // No memory for the registration, at the limit.
                    PacketType::Error => return,
                    other => panic!("{other} to a worker"),
                }
            }
            self.server.check();
            if idle {
                break;
            }
        }
        // Raw bytes may have made functions by names that the worker here does not know.
        let known = format!("{:?}", self.server.function_names());
        if self.server.function_names().iter().all(|name| FUNCTIONS.contains(&name.as_slice())) {
            assert_eq!(self.server.jobs(), 0, "no job is left behind: {known}");
        }
    }

    fn say(&mut self, id: ConnectionId, kind: PacketType, args: &[&[u8]]) {
        let mut out = Vec::new();
        encode(Magic::Request, kind, args, &mut out).expect("no NUL here");
        self.server.receive(self.now, id, &out);
    }
}
