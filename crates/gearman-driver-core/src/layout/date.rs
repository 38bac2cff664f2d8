//! Date formats of `%d{..}`: the letters of Log::Log4perl::DateFormat (SimpleDateFormat's).
//!
//! Names of months and days are English, whatever the locale: logs are read by programs.

use std::fmt::Write as _;
use std::ops::Range;

use jiff::ZonedDateTime;

const DEFAULT_FORMAT: &str = "yyyy/MM/dd HH:mm:ss";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A letter repeated more often than this is a slip; it also bounds the padding.
const MAX_REPEAT: usize = 9;

/// A part of a date format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    /// A letter, and how often it stands there.
    Letter(Letter, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letter {
    Year,
    Month,
    Day,
    /// 1 to 12
    ClockHour12,
    /// 0 to 23
    Hour24,
    /// 1 to 24
    ClockHour24,
    /// 0 to 11
    Hour12,
    Minute,
    Second,
    /// The fraction of the second, to as many digits as there are letters.
    Fraction,
    Weekday,
    DayOfYear,
    AmPm,
    Offset,
    ZoneName,
    EpochSeconds,
}

/// What is wrong with a date format, and at which bytes of it.
#[derive(Debug)]
pub(super) struct DateError {
    pub(super) at: Range<usize>,
    pub(super) problem: String,
    pub(super) help: &'static str,
}

pub(super) fn default_format() -> Vec<Part> {
    parse(DEFAULT_FORMAT).expect("the default date format is valid: a test renders it")
}

pub(super) fn parse(format: &str) -> Result<Vec<Part>, DateError> {
    let format = match format {
        "ABSOLUTE" => "HH:mm:ss,SSS",
        "DATE" => "dd MMM yyyy HH:mm:ss,SSS",
        "ISO8601" => "yyyy-MM-dd HH:mm:ss,SSS",
        "APACHE" => "'['EEE MMM dd HH:mm:ss yyyy']'",
        "" => {
            return Err(DateError {
                at: 0..0,
                problem: "the date format is empty".to_owned(),
                help: "write %d, or for example %d{HH:mm:ss}",
            });
        }
        format => format,
    };
    let mut parts = Vec::new();
    let mut rest = format.char_indices().peekable();
    while let Some((at, next)) = rest.next() {
        if next == '\'' {
            let end = format[at + 1..].find('\'').map(|length| at + 1 + length);
            let Some(end) = end else {
                return Err(DateError {
                    at: at..format.len(),
                    problem: "a quote is not closed".to_owned(),
                    help: "two single quotes stand for one",
                });
            };
            while rest.next_if(|(next_at, _)| *next_at <= end).is_some() {}
            let quoted = &format[at + 1..end];
            literal(&mut parts, if quoted.is_empty() { "'" } else { quoted });
        } else if next.is_ascii_alphabetic() {
            let mut end = at + 1;
            while rest.next_if(|(_, letter)| *letter == next).is_some() {
                end += 1;
            }
            let letter = letter(next).filter(|_| end - at <= MAX_REPEAT).ok_or_else(|| DateError {
                at: at..end,
                problem: format!("`{}` is no date letter", &format[at..end]),
                help: "known are y M d H h k K m s S E D a Z z e, and text in single quotes",
            })?;
            parts.push(Part::Letter(letter, end - at));
        } else {
            literal(&mut parts, next.encode_utf8(&mut [0; 4]));
        }
    }
    Ok(parts)
}

fn literal(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Literal(last)) = parts.last_mut() {
        last.push_str(text);
    } else {
        parts.push(Part::Literal(text.to_owned()));
    }
}

fn letter(letter: char) -> Option<Letter> {
    Some(match letter {
        'y' => Letter::Year,
        'M' => Letter::Month,
        'd' => Letter::Day,
        'h' => Letter::ClockHour12,
        'H' => Letter::Hour24,
        'k' => Letter::ClockHour24,
        'K' => Letter::Hour12,
        'm' => Letter::Minute,
        's' => Letter::Second,
        'S' => Letter::Fraction,
        'E' => Letter::Weekday,
        'D' => Letter::DayOfYear,
        'a' => Letter::AmPm,
        'Z' => Letter::Offset,
        'z' => Letter::ZoneName,
        'e' => Letter::EpochSeconds,
        _ => return None,
    })
}

pub(super) fn render(parts: &[Part], time: &ZonedDateTime, out: &mut String) {
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Letter(letter, count) => render_letter(*letter, *count, time, out),
        }
    }
}

fn render_letter(letter: Letter, count: usize, time: &ZonedDateTime, out: &mut String) {
    let hour = time.hour();
    let number = match letter {
        Letter::Year if count == 2 => i64::from(time.year().rem_euclid(100)),
        Letter::Year => i64::from(time.year()),
        Letter::Month if count >= 3 => {
            return name(&MONTHS, usize::from(time.month().unsigned_abs()), count, out);
        }
        Letter::Month => i64::from(time.month()),
        Letter::Day => i64::from(time.day()),
        Letter::ClockHour12 => i64::from((hour + 11) % 12 + 1),
        Letter::Hour24 => i64::from(hour),
        Letter::ClockHour24 => i64::from((hour + 23) % 24 + 1),
        Letter::Hour12 => i64::from(hour % 12),
        Letter::Minute => i64::from(time.minute()),
        Letter::Second => i64::from(time.second()),
        Letter::Fraction => {
            let nanos = format!("{:09}", time.subsec_nanosecond());
            out.push_str(&nanos[..count.min(9)]);
            return;
        }
        Letter::Weekday => {
            let day = time.weekday().to_monday_one_offset().unsigned_abs();
            return name(&DAYS, usize::from(day), count, out);
        }
        Letter::DayOfYear => i64::from(time.day_of_year()),
        Letter::AmPm => {
            out.push_str(if hour < 12 { "AM" } else { "PM" });
            return;
        }
        Letter::Offset => {
            let seconds = time.offset().seconds();
            let minutes = seconds.unsigned_abs() / 60;
            let sign = if seconds < 0 { '-' } else { '+' };
            // Writing to a String cannot fail.
            let _ = write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60);
            return;
        }
        Letter::ZoneName => {
            let _ = write!(out, "{}", time.strftime("%Z"));
            return;
        }
        Letter::EpochSeconds => time.timestamp().as_second(),
    };
    let _ = write!(out, "{number:0count$}");
}

/// The name of month or day `number` (from 1): three letters of it, or with four letters or more all of it.
fn name(names: &[&str], number: usize, count: usize, out: &mut String) {
    let name = names.get(number.wrapping_sub(1)).copied().unwrap_or_default();
    out.push_str(if count >= 4 { name } else { &name[..name.len().min(3)] });
}
