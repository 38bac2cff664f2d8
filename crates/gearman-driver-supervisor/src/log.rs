//! The log: where lines go, in which form, from which level on.
//!
//! A line is one write to a file opened for appending, so that rotation by renaming (then USR1) and by copying and
//! truncating both work, and lines of several writers don't mix.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gearman_driver_core::config::Config;
use gearman_driver_core::layout::{Layout, Record};
use gearman_driver_core::level::Level;
use gearman_driver_core::log_entry::{Entry, LogFormat, printable};

use crate::clock::Clock;
use crate::names::host_name;

/// The log file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the log file {} can't be opened for appending: {source}; choose another one with --logfile, `-` is standard error", path.display())]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

/// A handle to the log. Clones write to the same one.
#[derive(Clone)]
pub(crate) struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    sink: Mutex<Sink>,
    form: Form,
    level: AtomicU8,
    clock: Clock,
    host: String,
    pid: u32,
}

/// How a record becomes a line.
enum Form {
    Layout(Layout),
    /// With the driver's name, where it has one.
    Json(Option<String>),
}

struct Sink {
    /// `None`: standard error.
    file: Option<(PathBuf, File)>,
    /// Standard error is a terminal: the lines are shown there too.
    terminal: bool,
    line: String,
}

impl Log {
    /// Opens the log as configured.
    pub(crate) fn open(config: &Config, clock: Clock) -> Result<Self, LogError> {
        Self::open_at(&config.logfile, config.loglevel, config, clock)
    }

    /// As [`Log::open`], on standard error and for warnings alone.
    pub(crate) fn warnings_on_stderr(config: &Config, clock: Clock) -> Result<Self, LogError> {
        Self::open_at("-".as_ref(), Level::Warn, config, clock)
    }

    /// Opens the log file; `-` is standard error.
    fn open_at(path: &Path, level: Level, config: &Config, clock: Clock) -> Result<Self, LogError> {
        let file = if path == Path::new("-") { None } else { Some((path.to_owned(), append(path)?)) };
        let terminal = file.is_some() && io::stderr().is_terminal();
        let sink = Mutex::new(Sink { file, terminal, line: String::new() });
        let form = match config.log_format {
            LogFormat::Layout => Form::Layout(config.loglayout.clone()),
            LogFormat::Json => Form::Json(config.name.clone()),
        };
        let inner =
            Inner { sink, form, level: AtomicU8::new(index(level)), clock, host: host_name(), pid: std::process::id() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the file anew (USR1): what was renamed is let go.
    pub(crate) fn reopen(&self) {
        let mut sink = self.inner.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((path, _)) = &sink.file else { return };
        let path = path.clone();
        match append(&path) {
            Ok(file) => sink.file = Some((path, file)),
            Err(error) => {
                drop(sink);
                self.error(&format!("{error}; the log goes on in the old file"));
            }
        }
    }

    /// The least important level that is written.
    pub(crate) fn level(&self) -> Level {
        let index = usize::from(self.inner.level.load(Ordering::Relaxed));
        Level::ALL.get(index).copied().unwrap_or(Level::Info)
    }

    /// Lines below that level are not written any more.
    pub(crate) fn set_level(&self, level: Level) {
        self.inner.level.store(index(level), Ordering::Relaxed);
    }

    /// Whether lines of that level are written at all.
    pub(crate) fn writes(&self, level: Level) -> bool {
        level.passes(self.level())
    }

    /// Writes a line, if its level is high enough.
    pub(crate) fn write(&self, entry: &Entry<'_>) {
        if !self.writes(entry.level) {
            return;
        }
        let inner = &*self.inner;
        let time = jiff::ZonedDateTime::now();
        let mut sink = inner.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let Sink { file, terminal, line } = &mut *sink;
        line.clear();
        match &inner.form {
            Form::Json(driver) => entry.json(&time, driver.as_deref(), line),
            Form::Layout(layout) => {
                let category = printable(entry.category);
                let since_start = inner.clock.now().uptime();
                for entry in entry.lines() {
                    let record = Record {
                        time: time.clone(),
                        level: entry.level,
                        category: &category,
                        message: &entry.to_string(),
                        pid: inner.pid,
                        host: &inner.host,
                        since_start,
                    };
                    layout.render(&record, line);
                }
            }
        }
        // A full disk stops the log, and nothing else: there is nobody to tell.
        let _ = match file {
            Some((_, file)) => file.write_all(line.as_bytes()),
            None => io::stderr().write_all(line.as_bytes()),
        };
        if *terminal {
            let _ = io::stderr().write_all(line.as_bytes());
        }
        if line.capacity() > 64 << 10 {
            *line = String::new();
        }
    }

    pub(crate) fn info(&self, message: &str) {
        self.write(&Entry::new(Level::Info, CATEGORY, message));
    }

    pub(crate) fn warn(&self, message: &str) {
        self.write(&Entry::new(Level::Warn, CATEGORY, message));
    }

    pub(crate) fn fatal(&self, message: &str) {
        self.write(&Entry::new(Level::Fatal, CATEGORY, message));
    }

    pub(crate) fn error(&self, message: &str) {
        self.write(&Entry::new(Level::Error, CATEGORY, message));
    }
}

/// The driver's own category (`%c`), as the original's logger.
pub(crate) const CATEGORY: &str = "Gearman::Driver";

fn index(level: Level) -> u8 {
    Level::ALL.iter().position(|known| *known == level).and_then(|index| u8::try_from(index).ok()).unwrap_or(u8::MAX)
}

fn append(path: &Path) -> Result<File, LogError> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|source| LogError { path: path.to_owned(), source })
}
