//! The load: clients that submit jobs and wait for the answer, more and fewer of them as time goes by.
//!
//! Each client says beforehand how its job is to end, so that every job is counted under what it was submitted for:
//! done, or failed on purpose. Anything else counts as neither, and is complained about.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gearman_protocol::{Client, ClientError, ServerList};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::Error;
use super::workers::Kind;

/// Clients for each job at the top of its wave, at a load of 1.
const CLIENTS: f64 = 8.0;
/// From one top to the next.
const PERIOD: f64 = 16.0;
/// A client's pause between two jobs.
const PAUSE: Duration = Duration::from_millis(60);

/// What became of jobs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) submitted: u64,
    pub(crate) done: u64,
    /// Failed, and was submitted to fail.
    pub(crate) failed: u64,
}

impl Sum {
    /// Without the answer that they should have. While the load runs, most of them just have none yet.
    pub(crate) fn open(&self) -> u64 {
        self.submitted - self.done - self.failed
    }
}

/// The clients, each in a thread.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    start: Instant,
    clients: u32,
    counts: [Count; Kind::ALL.len()],
    stopped: Mutex<bool>,
    stop: Condvar,
    complaint: Mutex<Option<String>>,
    image: Vec<u8>,
}

#[derive(Default)]
struct Count {
    submitted: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
}

impl Count {
    fn sum(&self) -> Sum {
        // The answers first: a job is counted as submitted before it can be counted as answered.
        let (done, failed) = (self.done.load(Ordering::SeqCst), self.failed.load(Ordering::SeqCst));
        Sum { submitted: self.submitted.load(Ordering::SeqCst), done, failed }
    }
}

impl Load {
    /// Starts submitting to `server`; `factor` times as much as usual.
    pub(crate) fn start(server: SocketAddr, factor: f64) -> Result<Self, Error> {
        let servers = ServerList::parse(&server.to_string())?;
        // At most 160, as the factor is at most 20.
        let clients = (CLIENTS * factor).round().max(1.0) as u32;
        let shared = Arc::new(Shared {
            start: Instant::now(),
            clients,
            counts: Default::default(),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
            complaint: Mutex::new(None),
            image: image()?,
        });
        let mut load = Self { shared, threads: Vec::new() };
        for kind in Kind::ALL {
            for place in 0..clients {
                let (shared, client) = (Arc::clone(&load.shared), Client::new(servers.clone()));
                let thread = thread::Builder::new()
                    .name(format!("client of {}", kind.name()))
                    .stack_size(256 << 10)
                    .spawn(move || shared.submit(kind, place, client))
                    .map_err(|error| format!("no thread for another client: {error}; choose a smaller --load"))?;
                load.threads.push(thread);
            }
        }
        Ok(load)
    }

    /// No new jobs from now on.
    pub(crate) fn stop(&self) {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stop.notify_all();
    }

    /// Whether every client has its last answer.
    pub(crate) fn has_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    pub(crate) fn sum(&self, kind: Kind) -> Sum {
        self.shared.count(kind).sum()
    }

    pub(crate) fn total(&self) -> Sum {
        Kind::ALL.into_iter().map(|kind| self.sum(kind)).fold(Sum::default(), |total, sum| Sum {
            submitted: total.submitted + sum.submitted,
            done: total.done + sum.done,
            failed: total.failed + sum.failed,
        })
    }

    /// What was wrong with an answer, if something was.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.shared.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Those that still wait for an answer end with the program.
        self.stop();
    }
}

impl Shared {
    fn count(&self, kind: Kind) -> &Count {
        &self.counts[kind as usize]
    }

    /// One client's life.
    fn submit(&self, kind: Kind, place: u32, mut client: Client) {
        let mut number = u64::from(place) * 7;
        loop {
            if place < clients(kind, self.start.elapsed(), self.clients) {
                let task = Task::new(kind, number);
                let workload = task.workload.as_deref().unwrap_or(&self.image);
                let count = self.count(kind);
                count.submitted.fetch_add(1, Ordering::SeqCst);
                let result = client.run(kind.name(), workload);
                match (result, task.fails) {
                    (Ok(_), false) => count.done.fetch_add(1, Ordering::SeqCst),
                    (Err(ClientError::Failed { .. }), true) => count.failed.fetch_add(1, Ordering::SeqCst),
                    (result, _) => {
                        let what = result.map_or_else(|error| error.to_string(), |_| "done, not failed".to_owned());
                        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
                        complaint.get_or_insert_with(|| format!("{}: {what}", kind.name()));
                        0
                    }
                };
                number += 1;
            }
            if self.pause() {
                return;
            }
        }
    }

    /// Whether it is over.
    fn pause(&self) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) =
            self.stop.wait_timeout_while(stopped, PAUSE, |stopped| !*stopped).unwrap_or_else(PoisonError::into_inner);
        *stopped
    }
}

/// A job before it is submitted.
struct Task {
    /// `None`: the image.
    workload: Option<Vec<u8>>,
    /// How it is to end.
    fails: bool,
}

impl Task {
    /// One of twelve flaky jobs fails, and one of forty panics.
    fn new(kind: Kind, number: u64) -> Self {
        if kind != Kind::Flaky {
            return Self { workload: None, fails: false };
        }
        let (text, fails) = match number {
            number if number % 40 == 25 => ("panic".to_owned(), true),
            number if number % 12 == 4 => ("fail".to_owned(), true),
            number => (format!("nap {}", 40 + number % 9 * 20), false),
        };
        Self { workload: Some(text.into_bytes()), fails }
    }
}

/// How many clients a job has after `time`: at least one, at most `most`; each job's wave has its own top.
fn clients(kind: Kind, time: Duration, most: u32) -> u32 {
    let phase = f64::from(kind as u8) / Kind::ALL.len() as f64;
    let height = 0.5 - 0.5 * (TAU * (time.as_secs_f64() / PERIOD + phase)).cos();
    1 + (f64::from(most - 1) * height).round() as u32
}

/// The image that is submitted: a gradient.
fn image() -> Result<Vec<u8>, Error> {
    let (width, height) = (480, 360);
    let image = RgbImage::from_fn(width, height, |x, y| {
        let part = |of: u32, whole: u32| (of * 255 / whole) as u8;
        Rgb([part(x, width), part(y, height), part(x ^ y, 512)])
    });
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_rises_and_falls_and_never_rests() {
        let at = |seconds: f64| clients(Kind::Scale, Duration::from_secs_f64(seconds), 8);
        assert_eq!([0.0, 3.0, 8.0, 13.0, 16.0].map(at), [at(0.0), at(3.0), 8, at(3.0), 1]);
        assert!(at(0.0) == 1 && (2..8).contains(&at(3.0)), "it rises");
        for second in 0..100 {
            for kind in Kind::ALL {
                let many = clients(kind, Duration::from_secs(second), 8);
                assert!((1..=8).contains(&many));
                assert_eq!(clients(kind, Duration::from_secs(second), 1), 1);
            }
        }
    }

    #[test]
    fn some_flaky_jobs_are_to_fail_and_few_to_panic() {
        let tasks: Vec<Task> = (0..120).map(|number| Task::new(Kind::Flaky, number)).collect();
        let those = |text: &str| tasks.iter().filter(|task| task.workload.as_deref() == Some(text.as_bytes())).count();
        assert_eq!((those("panic"), those("fail")), (3, 10));
        assert_eq!(tasks.iter().filter(|task| task.fails).count(), 13);
        assert!(!Task::new(Kind::Scale, 4).fails);
    }
}
