//! A job server that behaves as these tests say, and what a worker process makes of it.

use std::io::Write;
use std::net::TcpListener;

use gearman_testkit::eventually_or;
use nix::poll::{PollFd, PollTimeout, poll};

use super::*;
use crate::process::packets::registration;
use crate::process::pulse::{QUESTION, Times};

const PATIENCE: Duration = Duration::from_secs(20);

/// Short, and far enough from each other.
const TIMES: Times =
    Times { silence: Duration::from_millis(100), answer: Duration::from_millis(500), aside: Duration::from_secs(60) };

/// The worker's side, and the door that it knocks at.
struct Worker {
    server: Server,
    listener: TcpListener,
}

/// The job server's end of a connection. It reads what a worker sends.
struct Visit {
    stream: TcpStream,
    decoder: Decoder,
}

impl Worker {
    fn new(times: Times) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = ServerAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
        let mut server = Server::new(&address, "".into(), None);
        server.health.times = times;
        Self { server, listener }
    }

    /// Goes on as the loop does until something holds.
    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&Server) -> Option<T>) -> T {
        let registration = registration("gd1/test", &["f".to_owned()], None);
        let server = std::cell::RefCell::new(&mut self.server);
        eventually_or(
            what,
            PATIENCE,
            || {
                let mut server = server.borrow_mut();
                let events = match server.interest().0 {
                    None => PollFlags::empty(),
                    Some((fd, events)) => {
                        let mut fds = [PollFd::new(fd, events)];
                        poll(&mut fds, PollTimeout::from(1u8)).unwrap();
                        fds[0].revents().unwrap()
                    }
                };
                server.advance(events, &registration);
                found(&server)
            },
            || format!("{:?}", server.borrow().interest().1),
        )
    }

    fn visit(&mut self) -> Visit {
        let listener = self.listener.try_clone().unwrap();
        let stream = self.until("a connection", |_| listener.accept().ok()).0;
        stream.set_nonblocking(true).unwrap();
        Visit { stream, decoder: Decoder::new(MAX_PACKET_BYTES) }
    }

    /// Waits for the question of a connection that sleeps.
    fn is_asked(&mut self, visit: &mut Visit) {
        assert_eq!(self.sends(visit).kind, PacketType::PreSleep);
        let question = self.sends(visit);
        assert_eq!((question.kind, &*question.body), (PacketType::EchoReq, QUESTION));
    }

    /// Waits for the next packet of that visit.
    fn sends(&mut self, visit: &mut Visit) -> Packet {
        self.until("a packet", |_| visit.packet())
    }
}

impl Visit {
    fn packet(&mut self) -> Option<Packet> {
        if let Ok(n) = self.stream.read(self.decoder.space()) {
            self.decoder.filled(n);
        }
        self.decoder.next_packet().unwrap()
    }

    fn answer(&mut self, text: &[u8]) {
        let mut packet = b"\0RES".to_vec();
        packet.extend((PacketType::EchoRes as u32).to_be_bytes());
        packet.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        packet.extend(text);
        self.stream.write_all(&packet).unwrap();
    }

    fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 64]), Ok(0))
    }
}

/// Comes in, registers and asks; is answered.
fn registered(worker: &mut Worker) -> Visit {
    let mut visit = worker.visit();
    let kinds = [PacketType::SetClientId, PacketType::CanDo, PacketType::PreSleep];
    assert_eq!(kinds.map(|_| worker.sends(&mut visit).kind), kinds);
    let question = worker.sends(&mut visit);
    assert_eq!((question.kind, &*question.body), (PacketType::EchoReq, QUESTION));
    assert!(!worker.server.counts(), "who takes connections need not be awake");
    visit.answer(QUESTION);
    worker.until("it counts", |server| server.counts().then_some(()));
    visit
}

#[test]
fn a_server_timeout_is_told_with_each_function() {
    let mut decoder = Decoder::new(MAX_PACKET_BYTES);
    decoder.push(&registration("gd1/test", &["f".to_owned(), "g".to_owned()], Some(Duration::from_millis(1500))));
    let packets: Vec<_> = std::iter::from_fn(|| decoder.next_packet().unwrap()).collect();
    let timed: Vec<_> = packets.iter().filter(|packet| packet.kind == PacketType::CanDoTimeout).collect();
    assert_eq!(timed.iter().map(|packet| &*packet.body).collect::<Vec<_>>(), [b"f\x001500", b"g\x001500"]);
    assert!(packets.iter().all(|packet| packet.kind != PacketType::CanDo));
}

#[test]
fn one_that_does_not_answer_is_left_aside_and_counts_again_on_the_same_connection() {
    let mut worker = Worker::new(TIMES);
    let mut visit = registered(&mut worker);
    worker.is_asked(&mut visit);
    assert!(worker.server.counts(), "not yet");
    worker.until("it is left aside", |server| (!server.counts()).then_some(()));
    assert!(worker.server.is_up() && !worker.server.woken());
    assert_eq!(visit.packet(), None, "nothing is asked of it");
    visit.answer(QUESTION);
    worker.until("it counts again", |server| server.counts().then_some(()));
    worker.is_asked(&mut visit);
}

#[test]
fn one_that_does_not_answer_for_long_gets_a_new_connection_and_the_old_one_is_not_reset() {
    let mut worker = Worker::new(Times { aside: Duration::from_millis(100), ..TIMES });
    let mut old = registered(&mut worker);
    worker.is_asked(&mut old);
    let mut new = registered(&mut worker);
    // The frozen server thaws, says something first, and reads on: nothing that was sent to it is lost.
    old.answer(QUESTION);
    worker.until("the end of the old connection", |_| old.is_closed().then_some(()));
    old.answer(QUESTION);
    worker.is_asked(&mut new);
    assert!(old.is_closed(), "and not reset");
}

#[test]
fn another_answer_than_the_one_asked_for_is_garbage() {
    let mut worker = Worker::new(TIMES);
    let mut visit = registered(&mut worker);
    visit.answer(b"drained");
    worker.until("the connection is dropped", |server| (!server.is_up()).then_some(()));
    registered(&mut worker);
}

#[test]
fn while_it_takes_nothing_the_question_waits_and_nobody_with_it() {
    let mut worker = Worker::new(TIMES);
    let mut visit = registered(&mut worker);
    // As a large result that the server does not take.
    let up = worker.server.up().unwrap();
    SockRef::from(&*up.stream).set_nonblocking(true).unwrap();
    let mut filled = 0;
    while let Ok(n) = (&*up.stream).write(&[0; 4096]) {
        filled += n;
    }
    SockRef::from(&*up.stream).set_nonblocking(false).unwrap();
    worker.until("it is left aside", |server| (!server.counts()).then_some(()));
    let mut buffer = vec![0; 1 << 20];
    while filled > 0 {
        filled -= worker.until("what was sent", |_| visit.stream.read(&mut buffer[..filled.min(1 << 20)]).ok());
    }
    worker.is_asked(&mut visit);
}
