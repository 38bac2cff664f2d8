//! One connection to a job server, shared by the task that serves it and by the jobs that came over it: what waits to be
//! sent, and which jobs are owed an answer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gearman_protocol::{JobAssignment, request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::api::{Answer, JobError, JobLink, Report};

/// A result larger than this is sent from where it lies.
const LARGE_BYTES: usize = 64 << 10;
/// The buffer keeps no more than this: idle workers are to be small.
const KEPT_BYTES: usize = 16 << 10;
/// A job that reports more than this before the job server has taken it waits, and the process with it.
const UNSENT_BYTES: usize = 1 << 20;
/// How long it waits before its report fails.
const REPORT_PATIENCE: Duration = Duration::from_secs(5);

/// A connection.
pub(super) struct Line {
    name: String,
    pub(super) stream: TcpStream,
    /// Something is to be sent, or a job has been answered.
    pub(super) changed: Notify,
    state: RefCell<State>,
}

struct State {
    unsent: VecDeque<Vec<u8>>,
    /// How much of the first of them is sent.
    start: usize,
    /// Bytes taken in and bytes sent since the beginning.
    taken: u64,
    sent: u64,
    /// Answers not wholly sent: where each ends, counted as `taken`, and its handle.
    answers: VecDeque<(u64, Rc<JobAssignment>)>,
    /// Jobs that are owed an answer.
    held: usize,
    /// When something was sent last, or could have been for the first time.
    moved: Instant,
    closed: bool,
}

impl Line {
    pub(super) fn new(name: String, stream: TcpStream) -> Self {
        let state = State {
            unsent: VecDeque::new(),
            start: 0,
            taken: 0,
            sent: 0,
            answers: VecDeque::new(),
            held: 0,
            moved: Instant::now(),
            closed: false,
        };
        Self { name, stream, changed: Notify::new(), state: RefCell::new(state) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Jobs that are owed an answer.
    pub(super) fn held(&self) -> usize {
        self.state.borrow().held
    }

    /// A job was granted.
    pub(super) fn begin(&self) {
        self.state.borrow_mut().held += 1;
    }

    /// Takes packets to be sent.
    pub(super) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        self.state.borrow_mut().push(write);
    }

    /// Takes the answer to a job, which is owed no more. Its loss is told.
    pub(super) fn answer(&self, assignment: &Rc<JobAssignment>, answer: Answer) {
        let mut state = self.state.borrow_mut();
        state.held = state.held.saturating_sub(1);
        if state.closed {
            drop(state);
            return self.tell_lost(assignment);
        }
        let handle = assignment.handle();
        let mut encoded = Ok(());
        match answer {
            Answer::Complete(result) if result.len() > LARGE_BYTES => {
                state.push(|out| encoded = request::work_complete_head(out, handle, result.len()));
                if encoded.is_ok() {
                    state.push_large(result);
                }
            }
            Answer::Complete(result) => state.push(|out| encoded = request::work_complete(out, handle, result)),
            // Not WORK_EXCEPTION: a client that did not ask for exceptions hangs on it with gearmand 1.1.20.
            Answer::Fail { message } => state.push(|out| {
                encoded = request::work_warning(out, handle, message).and_then(|()| request::work_fail(out, handle));
            }),
            Answer::Exception { message } => state.push(|out| encoded = request::work_exception(out, handle, message)),
        }
        if let Err(error) = encoded {
            // A handle came out of a packet's arguments, where a NUL ends it.
            log::error!("the answer to job {} can't be sent: {error}", assignment.handle_text());
        }
        let end = state.taken;
        state.answers.push_back((end, Rc::clone(assignment)));
        drop(state);
        self.changed.notify_one();
    }

    /// Sends what the job server takes now; whether that was all.
    pub(super) fn flush(&self) -> io::Result<bool> {
        let mut state = self.state.borrow_mut();
        loop {
            let Some(first) = state.unsent.front().filter(|first| !first.is_empty()) else { return Ok(true) };
            match self.stream.try_write(&first[state.start..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => state.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// When something was sent last.
    pub(super) fn moved(&self) -> Instant {
        self.state.borrow().moved
    }

    /// The connection is of no more use; what was not sent is lost, and told.
    pub(super) fn close(&self) {
        // The jobs that came over it hold on to the socket; the job server is to see its end now.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Both);
        let mut state = self.state.borrow_mut();
        state.closed = true;
        state.unsent = VecDeque::new();
        let lost = std::mem::take(&mut state.answers);
        drop(state);
        for (_, assignment) in lost {
            self.tell_lost(&assignment);
        }
    }

    fn tell_lost(&self, assignment: &JobAssignment) {
        log::warn!(
            "the answer to job {} could not be sent to job server {}, which will give the job to a worker again",
            assignment.handle_text(),
            self.name
        );
    }

    /// Waits, and the process with it, while a job reports faster than the job server takes it. The runtime can't do it: a
    /// report is no `async fn`.
    fn hold_back(&self) -> io::Result<()> {
        let end = Instant::now() + REPORT_PATIENCE;
        let mut state = self.state.borrow_mut();
        while state.taken - state.sent > UNSENT_BYTES as u64 {
            let Some(first) = state.unsent.front() else { return Ok(()) };
            match SockRef::from(&self.stream).send(&first[state.start..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => state.advance(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() >= end {
                        return Err(io::Error::new(ErrorKind::TimedOut, "it takes nothing"));
                    }
                    let mut fds = [PollFd::new(self.stream.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut fds, PollTimeout::from(100u8));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl State {
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.taken == self.sent {
            self.moved = Instant::now();
        }
        if self.unsent.back().is_none_or(|last| last.len() > LARGE_BYTES) {
            self.unsent.push_back(Vec::new());
        }
        if let Some(last) = self.unsent.back_mut() {
            let before = last.len();
            write(last);
            self.taken += (last.len() - before) as u64;
        }
    }

    fn push_large(&mut self, bytes: Vec<u8>) {
        self.taken += bytes.len() as u64;
        self.unsent.push_back(bytes);
    }

    fn advance(&mut self, n: usize) {
        self.moved = Instant::now();
        self.sent += n as u64;
        self.start += n;
        if let Some(first) = self.unsent.front_mut()
            && self.start == first.len()
        {
            self.start = 0;
            if self.unsent.len() == 1 && self.unsent[0].capacity() <= KEPT_BYTES {
                self.unsent[0].clear();
            } else {
                self.unsent.pop_front();
            }
        }
        while self.answers.front().is_some_and(|(end, _)| *end <= self.sent) {
            self.answers.pop_front();
        }
    }
}

/// The link of one job.
pub(super) struct JobLine {
    line: Rc<Line>,
    assignment: Rc<JobAssignment>,
    servers: Rc<str>,
}

impl JobLine {
    pub(super) fn new(line: Rc<Line>, assignment: Rc<JobAssignment>, servers: Rc<str>) -> Self {
        Self { line, assignment, servers }
    }
}

impl JobLink for JobLine {
    fn send(&self, report: Report<'_>) -> Result<(), JobError> {
        let line = &self.line;
        if line.state.borrow().closed {
            return Err(JobError::link(line.name(), "the connection is gone"));
        }
        let handle = self.assignment.handle();
        let mut encoded = Ok(());
        line.push(|out| {
            encoded = match report {
                Report::Status { numerator, denominator } => request::work_status(out, handle, numerator, denominator),
                Report::Data(data) => request::work_data(out, handle, data),
                Report::Warning(message) => request::work_warning(out, handle, message),
            };
        });
        encoded.map_err(|error| JobError::link(line.name(), error))?;
        line.changed.notify_one();
        line.hold_back().map_err(|error| JobError::link(line.name(), error))
    }

    fn server(&self) -> &str {
        self.line.name()
    }

    fn servers(&self) -> &str {
        &self.servers
    }
}
