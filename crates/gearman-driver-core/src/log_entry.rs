//! A record for the log, before it has a form; and its two forms: the text of a layout's `%m`, and a line of JSON.
//!
//! Decides how a record names the process, the job and the stream that it is about. Which records are written, and
//! where to, is the log's work; so is the time.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::level::Level;
use crate::manager::LogLine;
use crate::snapshot_json::fit_for_terminal;

/// How the log is written (`--log_format`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// Text, as `--loglayout` says.
    #[default]
    Layout,
    /// A JSON object a line.
    Json,
}

/// Where a line that a process printed came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// As the original tags such a line: `STDOUT` or `STDERR`.
    pub const fn tag(self) -> &'static str {
        match self {
            Stream::Stdout => "STDOUT",
            Stream::Stderr => "STDERR",
        }
    }

    const fn field(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// A record. Displayed as `%m` of a layout shows it: `(PID) [JOB] [HANDLE] STDERR: message`, what is not known left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// How important it is.
    pub level: Level,
    /// Where it comes from: the driver itself, or the target of a worker's record.
    pub category: &'a str,
    /// What it says.
    pub message: &'a str,
    /// The process that it is about.
    pub pid: Option<u32>,
    /// That process's job; `host` for a host.
    pub job: Option<&'a str>,
    /// The job server's handle of the job that the process had in hand.
    pub handle: Option<&'a str>,
    /// For a line that the process printed: on which stream.
    pub stream: Option<Stream>,
}

impl<'a> Entry<'a> {
    /// The record as one for each line of its message: so that none can pass for another record's in a log of text.
    pub fn lines(&self) -> impl Iterator<Item = Entry<'a>> {
        let entry = *self;
        entry.message.split('\n').map(move |message| Entry { message, ..entry })
    }

    /// A record of the driver's own, about nothing in particular.
    pub const fn new(level: Level, category: &'a str, message: &'a str) -> Self {
        Self { level, category, message, pid: None, job: None, handle: None, stream: None }
    }

    /// What the manager has to say.
    pub fn of(line: &'a LogLine, category: &'a str) -> Self {
        Self { pid: line.pid, job: line.job.as_deref(), ..Self::new(line.level, category, &line.message) }
    }

    /// Appends the record as one line of JSON, with its line end. `driver` is the driver's name (`--name`), where it
    /// has one. Fields that are not known are left out.
    pub fn json(&self, time: &jiff::ZonedDateTime, driver: Option<&str>, out: &mut String) {
        let fields = Fields {
            time: time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            level: self.level.name(),
            message: self.message,
            category: self.category,
            driver,
            pid: self.pid,
            job: self.job,
            handle: self.handle,
            stream: self.stream.map(Stream::field),
        };
        let json = serde_json::to_string(&fields).expect("texts and numbers are always JSON");
        out.push_str(&fit_for_terminal(json));
        out.push('\n');
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A job without a PID is named by the message itself.
        if let (Some(pid), Some(job)) = (self.pid, self.job) {
            write!(f, "({pid}) [{job}] ")?;
        }
        if let Some(handle) = self.handle {
            write!(f, "[{}] ", printable(handle))?;
        }
        if let Some(stream) = self.stream {
            write!(f, "{}: ", stream.tag())?;
        }
        f.write_str(&printable(self.message))
    }
}

#[derive(Serialize)]
struct Fields<'a> {
    time: String,
    level: &'a str,
    message: &'a str,
    category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
}

/// A text fit for a log that people read on a terminal: control characters are escaped.
pub fn printable(line: &str) -> Cow<'_, str> {
    if !line.contains(|c: char| c.is_control() && c != '\t') {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if c.is_control() && c != '\t' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(entry: &Entry<'_>, driver: Option<&str>) -> String {
        let time = "2010-01-29T20:37:17.045678901+01:00[Europe/Berlin]".parse().unwrap();
        let mut line = String::new();
        entry.json(&time, driver, &mut line);
        line
    }

    fn printed() -> Entry<'static> {
        Entry {
            pid: Some(4711),
            job: Some("app::Image::scale"),
            handle: Some("H:node1:7"),
            stream: Some(Stream::Stderr),
            ..Entry::new(Level::Info, "Gearman::Driver", "\u{1b}[31mred\u{7}\tx")
        }
    }

    #[test]
    fn the_text_names_process_job_handle_and_stream() {
        insta::assert_snapshot!(printed(), @r"(4711) [app::Image::scale] [H:node1:7] STDERR: \u{1b}[31mred\u{7}	x");
        insta::assert_snapshot!(Entry::new(Level::Warn, "x", "plain\nof two lines"), @r"plain\nof two lines");
        let lines: Vec<_> = Entry { pid: Some(7), job: Some("a"), ..Entry::new(Level::Warn, "x", "one\ntwo") }
            .lines()
            .map(|line| line.to_string())
            .collect();
        assert_eq!(lines, ["(7) [a] one", "(7) [a] two"]);
        let started = LogLine {
            level: Level::Info,
            pid: Some(3),
            job: Some("a".to_owned()),
            message: "Process started".to_owned(),
        };
        insta::assert_snapshot!(Entry::of(&started, "x"), @"(3) [a] Process started");
    }

    #[test]
    fn json_is_one_line_whatever_is_in_it() {
        insta::assert_snapshot!(json(&printed(), Some("blue")), @r#"{"time":"2010-01-29T20:37:17.045+01:00","level":"INFO","message":"\u001b[31mred\u0007\tx","category":"Gearman::Driver","driver":"blue","pid":4711,"job":"app::Image::scale","handle":"H:node1:7","stream":"stderr"}"#);
        insta::assert_snapshot!(json(&Entry::new(Level::Fatal, "my_app::db", "a\nb \"c\""), None), @r#"{"time":"2010-01-29T20:37:17.045+01:00","level":"FATAL","message":"a\nb \"c\"","category":"my_app::db"}"#);
    }
}
