//! What hosts and worker processes print: read from their FIFOs, logged line by line.

mod lines;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gearman_driver_core::level::Level;
use gearman_driver_core::log_entry::{Entry, Stream as Origin};
use gearman_driver_wire::record;
use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::lines::Lines;
use crate::log::Log;

/// How much is still read from a process that has ended: what a stray child of it prints on goes unread.
const REST_BYTES: usize = 1 << 20;

/// Who prints.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    /// The PID; 0 before it is known: until then nothing is read.
    pid: watch::Receiver<u32>,
    /// The job, or `host`.
    job: Arc<str>,
}

impl Speaker {
    /// A process that is there already.
    pub(crate) fn known(pid: u32, job: impl Into<Arc<str>>) -> Self {
        Self { pid: watch::channel(pid).1, job: job.into() }
    }

    /// A process that is ordered: its PID is to be sent once it is told.
    pub(crate) fn ordered(job: Arc<str>) -> (watch::Sender<u32>, Self) {
        let (sender, pid) = watch::channel(0);
        (sender, Self { pid, job })
    }
}

/// The reader of one process's standard output and error.
pub(crate) struct Output {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Output {
    /// Reads both until [`Output::finish`].
    pub(crate) fn read(stdout: OwnedFd, stderr: OwnedFd, mut speaker: Speaker, log: Log) -> io::Result<Self> {
        let mut out = Stream::new(stdout, Origin::Stdout)?;
        let mut err = Stream::new(stderr, Origin::Stderr)?;
        let (finish, mut finished) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut ended = tokio::select! {
                // Who ordered it is gone: then it says what it has to say without a PID.
                _ = speaker.pid.wait_for(|pid| *pid != 0) => false,
                _ = &mut finished => true,
            };
            while !ended {
                let news = tokio::select! {
                    _ = &mut finished => {
                        ended = true;
                        continue;
                    }
                    open = out.more(), if !out.ended => open.map(|()| &mut out),
                    open = err.more(), if !err.ended => open.map(|()| &mut err),
                };
                if let Ok(stream) = news {
                    stream.log_lines(&speaker, &log);
                }
            }
            for stream in [&mut out, &mut err] {
                stream.rest();
                stream.log_lines(&speaker, &log);
                if let Some(line) = stream.lines.last() {
                    write(&line, stream.origin, &speaker, &log);
                }
            }
        });
        Ok(Self { finish, task })
    }

    /// The process has ended: what it has printed last is logged before this returns.
    pub(crate) async fn finish(self) {
        let _ = self.finish.send(());
        let _ = self.task.await;
    }
}

struct Stream {
    pipe: pipe::Receiver,
    lines: Lines,
    origin: Origin,
    ended: bool,
}

impl Stream {
    fn new(fd: OwnedFd, origin: Origin) -> io::Result<Self> {
        Ok(Self { pipe: pipe::Receiver::from_owned_fd(fd)?, lines: Lines::default(), origin, ended: false })
    }

    /// Waits for more, and reads it.
    async fn more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        loop {
            self.pipe.readable().await?;
            match self.pipe.try_read(&mut bytes) {
                Ok(n) if n > 0 => {
                    self.lines.push(&bytes[..n]);
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                _ => {
                    self.ended = true;
                    return Ok(());
                }
            }
        }
    }

    /// Reads what is there, without waiting: past tokio, which may not know yet that something is.
    fn rest(&mut self) {
        let mut bytes = [0; 4096];
        let mut budget = REST_BYTES;
        while budget > 0 {
            match nix::unistd::read(&self.pipe, &mut bytes) {
                Ok(n) if n > 0 => {
                    self.lines.push(&bytes[..n]);
                    budget = budget.saturating_sub(n);
                }
                Err(nix::errno::Errno::EINTR) => {}
                _ => return,
            }
        }
    }

    fn log_lines(&mut self, speaker: &Speaker, log: &Log) {
        while let Some(line) = self.lines.next_line() {
            write(&line, self.origin, speaker, log);
        }
    }
}

/// Logs a line: a record with its level and handle, other text tagged with where it came from.
fn write(line: &str, origin: Origin, speaker: &Speaker, log: &Log) {
    let pid = Some(*speaker.pid.borrow());
    let job = Some(&*speaker.job);
    match record::decode(line).filter(|_| origin == Origin::Stderr) {
        Some(record) => {
            let level = record.level.parse().unwrap_or(Level::Info);
            log.write(&Entry { pid, job, handle: record.handle, ..Entry::new(level, record.target, &record.message) });
        }
        None => {
            let entry = Entry::new(Level::Info, crate::log::CATEGORY, line);
            log.write(&Entry { pid, job, stream: Some(origin), ..entry });
        }
    }
}
