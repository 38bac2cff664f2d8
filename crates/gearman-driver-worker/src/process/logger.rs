//! Log records of a host or a worker process (`log`, and `tracing` through it): written to standard error as
//! [`record`](gearman_driver_wire::record) lines, with their level and the handle of the job in hand.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use gearman_driver_wire::record;
use log::{LevelFilter, Log, Metadata, Record};
// For its feature `log` alone: an event of `tracing` becomes a record of `log`, unless the program has a subscriber.
use tracing as _;

static HANDLE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Whether the logger is ours.
static OURS: AtomicBool = AtomicBool::new(false);

/// Installs the logger, unless the program has installed one of its own. `level` is the driver's `loglevel`.
pub(crate) fn install(level: Option<&str>) {
    OURS.store(log::set_logger(&Logger).is_ok(), Ordering::Relaxed);
    set_level(level.unwrap_or("INFO"));
}

/// The driver's `loglevel` is another one from now on. A program's own logger has its own mind.
pub(super) fn set_level(level: &str) {
    let level = match level {
        "TRACE" => LevelFilter::Trace,
        "DEBUG" => LevelFilter::Debug,
        "WARN" => LevelFilter::Warn,
        // log and tracing know no FATAL.
        "ERROR" | "FATAL" => LevelFilter::Error,
        "OFF" => LevelFilter::Off,
        _ => LevelFilter::Info,
    };
    if OURS.load(Ordering::Relaxed) {
        log::set_max_level(level);
    }
}

/// From now on records carry this handle; an empty one: none.
pub(super) fn job(handle: &[u8]) {
    let mut current = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    current.clear();
    current.extend_from_slice(handle);
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let handle = HANDLE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let handle = String::from_utf8_lossy(&handle);
        let handle = (!handle.is_empty()).then_some(&*handle);
        let line = record::encode(record.level().as_str(), handle, record.target(), &record.args().to_string());
        // One write, so that lines of several threads don't mix; nobody can be told of a failure.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}
