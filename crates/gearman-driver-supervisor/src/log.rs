//! The log: where lines go, in which form, from which level on.
//!
//! A line is one write to a file opened for appending, so that rotation by renaming (then USR1) and by copying and
//! truncating both work, and lines of several writers don't mix. Lines that can't be written (the disk is full; nobody reads
//! standard error) are lost: told on standard error when it begins, and with their number in the log when it is over.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gearman_driver_core::config::Config;
use gearman_driver_core::layout::{Layout, Record};
use gearman_driver_core::level::Level;
use gearman_driver_core::log_entry::{Entry, LogFormat, printable};

use crate::brisk::Brisk;
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
    /// It takes nothing.
    stuck: bool,
    line: String,
    lost: Lost,
}

/// What could not be written since something last could.
#[derive(Debug, Default)]
struct Lost {
    lines: u64,
    /// The last that was written is a part of a line.
    cut: bool,
    /// Why.
    reason: String,
    /// When it was last told on standard error.
    told: Option<Instant>,
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
        let sink = Mutex::new(Sink { file, terminal, stuck: false, line: String::new(), lost: Lost::default() });
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
            Ok(file) => {
                sink.file = Some((path, file));
                sink.lost.cut = false;
            }
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
        let Sink { file, terminal, stuck, line, lost } = &mut *sink;
        line.clear();
        let before = lost.lines;
        if before > 0 {
            // What was cut ends here; the next line is whole.
            line.push_str(if lost.cut { "\n" } else { "" });
            let message = format!("{before} line(s) of this log were lost here: {}", lost.reason);
            inner.render(&Entry::new(Level::Warn, CATEGORY, &message), &time, line);
        }
        let own = line.len();
        inner.render(entry, &time, line);
        let written = match file {
            Some((_, file)) => write_whole(file, line.as_bytes()),
            None => write_whole(&mut Brisk::new(io::stderr(), before > 0), line.as_bytes()),
        };
        match written {
            Ok(()) => *lost = Lost { told: lost.told, ..Lost::default() },
            Err((written, error)) => {
                lost.note(&line.as_bytes()[..written], own, &error);
                if let Some((path, _)) = file
                    && lost.is_to_be_told()
                {
                    let told =
                        format!("the log file {} can't be written: {error}; its lines are lost\n", path.display());
                    let _ = write_whole(&mut Brisk::new(io::stderr(), false), told.as_bytes());
                }
            }
        }
        if *terminal {
            *stuck = write_whole(&mut Brisk::new(io::stderr(), *stuck), &line.as_bytes()[own..]).is_err();
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

impl Inner {
    /// Appends the lines of a record.
    fn render(&self, entry: &Entry<'_>, time: &jiff::ZonedDateTime, line: &mut String) {
        match &self.form {
            Form::Json(driver) => entry.json(time, driver.as_deref(), line),
            Form::Layout(layout) => {
                let category = printable(entry.category);
                let since_start = self.clock.now().uptime();
                for entry in entry.lines() {
                    let record = Record {
                        time: time.clone(),
                        level: entry.level,
                        category: &category,
                        message: &entry.to_string(),
                        pid: self.pid,
                        host: &self.host,
                        since_start,
                    };
                    layout.render(&record, line);
                }
            }
        }
    }
}

/// How soon it is told again on standard error that lines are lost, where there is room now and then.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

impl Lost {
    /// A record was not written, or a part of it. Its first `own` bytes tell of those before it.
    fn note(&mut self, written: &[u8], own: usize, error: &io::Error) {
        if written.len() >= own && own > 0 {
            // That much has been told.
            self.lines = 0;
        }
        self.lines += 1;
        self.cut = written.last().map_or(self.cut, |byte| *byte != b'\n');
        self.reason = error.to_string();
    }

    fn is_to_be_told(&mut self) -> bool {
        let due = self.told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL);
        if due && self.lines == 1 {
            self.told = Some(Instant::now());
        }
        due && self.lines == 1
    }
}

/// Writes all, in one go where the system does; else how much was written, and why no more.
fn write_whole(out: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < bytes.len() {
        match out.write(&bytes[written..]) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// The driver's own category (`%c`), as the original's logger.
pub(crate) const CATEGORY: &str = "Gearman::Driver";

fn index(level: Level) -> u8 {
    Level::ALL.iter().position(|known| *known == level).and_then(|index| u8::try_from(index).ok()).unwrap_or(u8::MAX)
}

fn append(path: &Path) -> Result<File, LogError> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|source| LogError { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes more.
    struct Disk {
        room: usize,
        text: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.room);
            if n == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= n;
            self.text.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_lost_is_counted_and_a_cut_line_is_ended() {
        let mut disk = Disk { room: 3, text: Vec::new() };
        let mut lost = Lost::default();
        let (written, error) = write_whole(&mut disk, b"first\n").unwrap_err();
        lost.note(&b"first\n"[..written], 0, &error);
        assert_eq!((written, lost.lines, lost.cut, lost.is_to_be_told()), (3, 1, true, true));
        let (written, error) = write_whole(&mut disk, b"second\n").unwrap_err();
        lost.note(&b"second\n"[..written], 0, &error);
        assert_eq!((lost.lines, lost.cut, lost.is_to_be_told()), (2, true, false));
        // Room for what tells of these two, and not for the third.
        disk.room = 10;
        let text = b"\n2 lost\nthird\n";
        let (written, error) = write_whole(&mut disk, text).unwrap_err();
        lost.note(&text[..written], 8, &error);
        assert_eq!((lost.lines, lost.cut), (1, true));
        assert_eq!(String::from_utf8(disk.text).unwrap(), "fir\n2 lost\nth");
        assert!(!lost.is_to_be_told(), "told a moment ago");
    }
}
