//! Suspects as the text that a driver leaves for the next one, see [`crate::manager::Suspect`].
//!
//! Times are kept by the wall clock. What an earlier executable has counted says nothing about the one that runs now.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::manager::{MAX_SUSPECTS, MEMORY, Suspect};
use crate::process::{ExitStatus, JobAtWork};
use crate::time::Time;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    /// For people who look into the file.
    server: String,
    code: String,
    suspects: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    job: String,
    function: String,
    handle: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    unique: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    server: String,
    deaths: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    /// Unix time.
    expires: u64,
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// These, and they count.
    Suspects(Vec<Suspect>),
    /// Something that another executable has counted.
    OfOtherCode,
}

/// The text; `unix_now` is `now` by the wall clock, `code` tells one executable from another.
pub fn write(suspects: &[Suspect], code: &str, server: &str, now: Time, unix_now: u64) -> String {
    let entry = |suspect: &Suspect| {
        let (exit_code, signal) = match suspect.last_end {
            ExitStatus::Code(code) => (Some(code), None),
            ExitStatus::Signal(signal) => (None, Some(signal)),
            ExitStatus::Unknown => (None, None),
        };
        let work = suspect.at_work.clone();
        Entry {
            job: suspect.job.clone(),
            function: work.function,
            handle: work.handle,
            unique: work.unique,
            server: work.server,
            deaths: suspect.deaths,
            exit_code,
            signal,
            expires: unix_now.saturating_add(suspect.expires.since(now).as_secs()),
        }
    };
    let suspects = suspects.iter().map(entry).collect();
    let file = File { version: VERSION, server: server.to_owned(), code: code.to_owned(), suspects };
    serde_json::to_string_pretty(&file).expect("texts and numbers are always JSON") + "\n"
}

/// Reads such a text at the driver's start; what has expired is left out.
///
/// # Errors
/// The text is none, in one line.
pub fn read(text: &str, code: &str, unix_now: u64) -> Result<Kept, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it is of version {}, and this driver writes version {VERSION}", file.version));
    }
    if file.code != code {
        return Ok(Kept::OfOtherCode);
    }
    let suspect = |entry: Entry| {
        let left = entry.expires.checked_sub(unix_now).filter(|left| *left > 0)?;
        // A clock that was set back must not make it last for ever.
        let expires = Time::START + Duration::from_secs(left).min(MEMORY);
        let Entry { job, function, handle, unique, server, deaths, exit_code, signal, .. } = entry;
        let last_end = match (exit_code, signal) {
            (Some(code), _) => ExitStatus::Code(code),
            (None, Some(signal)) => ExitStatus::Signal(signal),
            (None, None) => ExitStatus::Unknown,
        };
        let at_work = JobAtWork { function, handle, unique, server };
        Some(Suspect { number: 0, job, at_work, deaths, poison: false, last_end, expires })
    };
    Ok(Kept::Suspects(file.suspects.into_iter().filter_map(suspect).take(MAX_SUSPECTS).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn suspect(unique: &str, last_end: ExitStatus) -> Suspect {
        let server = if unique.is_empty() { "a:4730" } else { "" };
        let at_work =
            JobAtWork { function: "f".into(), handle: "H:a:1".into(), unique: unique.into(), server: server.into() };
        let expires = Time::after_start(Duration::from_secs(5000));
        Suspect { number: 0, job: "a::f".into(), at_work, deaths: 2, poison: false, last_end, expires }
    }

    #[test]
    fn what_is_written_is_read_with_the_time_that_is_left() {
        let now = Time::after_start(Duration::from_secs(4000));
        let both = [suspect("u", ExitStatus::Signal(11)), suspect("", ExitStatus::Code(1))];
        let text = write(&both, "1-2", "a:4730", now, 1_000_000);
        insta::assert_snapshot!(text, @r#"
        {
          "version": 1,
          "server": "a:4730",
          "code": "1-2",
          "suspects": [
            {
              "job": "a::f",
              "function": "f",
              "handle": "H:a:1",
              "unique": "u",
              "deaths": 2,
              "signal": 11,
              "expires": 1001000
            },
            {
              "job": "a::f",
              "function": "f",
              "handle": "H:a:1",
              "server": "a:4730",
              "deaths": 2,
              "exit_code": 1,
              "expires": 1001000
            }
          ]
        }
        "#);
        let left = both.map(|one| Suspect { expires: Time::after_start(Duration::from_secs(900)), ..one });
        assert_eq!(read(&text, "1-2", 1_000_100), Ok(Kept::Suspects(left.to_vec())));
        assert_eq!(read(&text, "1-2", 1_001_000), Ok(Kept::Suspects(Vec::new())));
        assert_eq!(read(&text, "1-3", 1_000_100), Ok(Kept::OfOtherCode));
        let Ok(Kept::Suspects(set_back)) = read(&text, "1-2", 0) else { panic!("not read") };
        assert_eq!(set_back[0].expires, Time::START + MEMORY);
    }

    #[test]
    fn what_is_none_is_refused() {
        assert!(read("", "", 0).is_err());
        let later = r#"{"version":2,"server":"","code":"","suspects":[]}"#;
        assert_eq!(read(later, "", 0).unwrap_err(), "it is of version 2, and this driver writes version 1");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = read(&text, "", 0);
        }
    }
}
