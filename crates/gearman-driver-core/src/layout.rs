//! Log pattern layouts, as Log::Log4perl's PatternLayout understands them.
//!
//! Decides how one log record becomes text. Which records are written, and where to, is the log's work;
//! so is the time, which comes in with the record.
//!
//! | letter | becomes |
//! | --- | --- |
//! | `%d` | the record's time, `yyyy/MM/dd HH:mm:ss` |
//! | `%d{FORMAT}` | the time in Log4perl's (SimpleDateFormat's) letters, see below |
//! | `%p` | the level |
//! | `%m` | the message; `%m{chomp}` without a newline at its end |
//! | `%c` | the category; `%c{2}` only its last two parts |
//! | `%P` | the process id |
//! | `%H` | the host's name |
//! | `%r` | milliseconds since the driver was started |
//! | `%n` | a newline |
//! | `%%` | a percent sign |
//!
//! Between `%` and the letter may stand a least width, a minus sign for left-justified, and a greatest
//! width behind a dot (what is longer loses its end, as in Log4perl): `%-5p`, `%.20c`, `%20.20m`.
//!
//! A date format knows `y M d h H k K m s S E D a Z z e`, text in single quotes, and the names
//! `ABSOLUTE`, `DATE`, `ISO8601` and `APACHE`.

mod date;
mod parse;

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use crate::level::Level;

/// The layout where none is given (`--loglayout`, as in Gearman::Driver).
pub const DEFAULT_PATTERN: &str = "[%d] %p %m%n";

/// A parsed log pattern layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pattern: String,
    pieces: Vec<Piece>,
}

/// What a layout shows of one log record.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When it happened, in the time zone in which it is to be shown (`%d`).
    pub time: jiff::ZonedDateTime,
    /// How important it is (`%p`).
    pub level: Level,
    /// What it is about, parts separated by `::` or `.` (`%c`).
    pub category: &'a str,
    /// The text (`%m`).
    pub message: &'a str,
    /// The process id of whoever logs (`%P`).
    pub pid: u32,
    /// The host's name (`%H`).
    pub host: &'a str,
    /// How long ago the driver was started (`%r`).
    pub since_start: Duration,
}

/// A part of a layout: text as it stands, or a field of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Field { field: Field, width: Width },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Date(Vec<date::Part>),
    Level,
    Message { chomp: bool },
    Category { last: Option<usize> },
    Pid,
    Host,
    SinceStart,
    Newline,
}

/// The numbers between `%` and the letter, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Width {
    least: usize,
    most: Option<usize>,
    left: bool,
}

impl Layout {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`LayoutError`], which says what is wrong and where, for a letter that does not exist, a brace that
    /// is not closed, a percent sign at the end, and a width out of range.
    pub fn parse(pattern: &str) -> Result<Layout, LayoutError> {
        Ok(Layout { pattern: pattern.to_owned(), pieces: parse::pieces(pattern)? })
    }

    /// The pattern as it was given.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Appends `record`, laid out, to `out`. A newline is written only where the pattern has `%n`.
    pub fn render(&self, record: &Record<'_>, out: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Field { field, width } => {
                    let start = out.len();
                    field.render(record, out);
                    width.apply(out, start);
                }
            }
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Layout::parse(DEFAULT_PATTERN).expect("the default pattern is valid: a test parses it")
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(pattern: &str) -> Result<Self, LayoutError> {
        Layout::parse(pattern)
    }
}

impl Field {
    fn render(&self, record: &Record<'_>, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Field::Date(parts) => {
                date::render(parts, &record.time, out);
                Ok(())
            }
            Field::Level => out.write_str(record.level.name()),
            Field::Message { chomp } => {
                let message = record.message;
                out.write_str(if *chomp { message.trim_end_matches('\n') } else { message })
            }
            Field::Category { last } => out.write_str(last_parts(record.category, *last)),
            Field::Pid => write!(out, "{}", record.pid),
            Field::Host => out.write_str(record.host),
            Field::SinceStart => write!(out, "{}", record.since_start.as_millis()),
            Field::Newline => out.write_str("\n"),
        };
    }
}

impl Width {
    /// Cuts or pads what was written to `out` from `start` on.
    fn apply(self, out: &mut String, start: usize) {
        if self == Width::default() {
            return;
        }
        if let Some(most) = self.most
            && let Some((cut, _)) = out[start..].char_indices().nth(most)
        {
            out.truncate(start + cut);
        }
        let missing = self.least.saturating_sub(out[start..].chars().count());
        let padding = " ".repeat(missing);
        if self.left {
            out.push_str(&padding);
        } else {
            out.insert_str(start, &padding);
        }
    }
}

/// The last `count` parts of a category, all of it for `None` or where it has fewer.
fn last_parts(category: &str, count: Option<usize>) -> &str {
    let Some(count) = count else { return category };
    let mut start = category.len();
    for _ in 0..count {
        match category[..start].rfind(['.', ':']) {
            // The first part: nothing is left before it.
            None => return category,
            Some(separator) if start == category.len() => start = separator,
            Some(_) => {
                // Step over the separator found last (`::` is two characters) and the part before it.
                let before = category[..start].trim_end_matches(['.', ':']);
                match before.rfind(['.', ':']) {
                    None => return category,
                    Some(separator) => start = separator,
                }
            }
        }
    }
    category[start..].trim_start_matches(['.', ':'])
}

/// Why a pattern is no layout, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at column {} of the log layout", self.column())]
pub struct LayoutError {
    pattern: String,
    at: Range<usize>,
    problem: String,
    help: Option<String>,
}

impl LayoutError {
    /// The pattern as it was given.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The bytes of the pattern that are wrong; never empty, except for an empty date format.
    pub fn range(&self) -> Range<usize> {
        self.at.clone()
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// How to mend it, where there is something to say.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The column, in characters from 1, at which the wrong part begins.
    pub fn column(&self) -> usize {
        self.pattern[..self.at.start].chars().count() + 1
    }

    /// The pattern, and on a second line carets under what is wrong.
    pub fn caret(&self) -> String {
        let length = self.pattern[self.at.clone()].chars().count().max(1);
        // A control character would move the carets away from their place.
        let shown: String = self.pattern.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{shown}\n{}{}", " ".repeat(self.column() - 1), "^".repeat(length))
    }
}

#[cfg(test)]
mod tests;
