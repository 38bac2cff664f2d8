//! How a script is written.
//!
//! ```text
//! == name: what it shows
//! !! why the two servers differ (only where they do)
//! c > SUBMIT_JOB f|unique|workload    connection c sends this packet; | stands for the NUL between arguments
//! c < JOB_CREATED @1                  it gets this one; @1 is the first handle that came here, and must be the same later
//! c < nothing                         it has got nothing else
//! c < closed                          the server closes it
//! c >> \0REQ..                        it sends these bytes, whatever they are
//! c x                                 it closes
//! $ status                            an admin command, on a connection of its own, ended by CRLF ($lf: by LF)
//! | f\t1\t0\t0                        its answer, without the closing dot; rows are sorted
//! gearmand: ..  embedded: ..          a step for one of them only
//! ```
//!
//! Escapes: `\x00`, `\t`, `\r`, `\n`, `\\`; `{x*65}` is 65 times `x`; `{now+2}` is the Unix time in two seconds.

use std::time::SystemTime;

use gearman_protocol::PacketType;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Gearmand,
    Embedded,
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) why: Option<String>,
    pub(crate) steps: Vec<Step>,
}

pub(crate) struct Step {
    pub(crate) only: Option<Server>,
    /// As it is written.
    pub(crate) text: String,
    pub(crate) action: Action,
}

#[derive(Clone)]
pub(crate) enum Action {
    Send { who: String, kind: PacketType, args: Vec<String> },
    SendRaw { who: String, bytes: String },
    Receive { who: String, kind: PacketType, args: Vec<String> },
    ReceiveNothing { who: String },
    ReceiveClosed { who: String },
    Close { who: String },
    Admin { command: String, end: &'static str, answer: Vec<String> },
}

impl Case {
    pub(crate) fn steps(&self, server: Server) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.only.is_none_or(|only| only == server))
    }

    pub(crate) fn steps_for(&self, server: Server) -> usize {
        self.steps(server).count()
    }

    /// How many answers the case expects.
    pub(crate) fn answers_for(&self, server: Server) -> usize {
        let is_answer =
            |step: &&Step| !matches!(step.action, Action::Send { .. } | Action::SendRaw { .. } | Action::Close { .. });
        self.steps(server).filter(is_answer).count()
    }
}

/// Reads a file of cases.
pub(crate) fn parse(file: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("== ") {
            let (name, title) = head.split_once(": ").unwrap_or_else(|| panic!("{file}: {line}: no title"));
            let name = format!("{file}/{name}");
            cases.push(Case { name, title: title.to_owned(), why: None, steps: Vec::new() });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("{file}: {line}: before the first case"));
        if let Some(why) = line.strip_prefix("!! ") {
            case.why = Some(why.to_owned());
            continue;
        }
        let (only, rest) = match (line.strip_prefix("gearmand: "), line.strip_prefix("embedded: ")) {
            (Some(rest), _) => (Some(Server::Gearmand), rest),
            (_, Some(rest)) => (Some(Server::Embedded), rest),
            _ => (None, line),
        };
        if let Some(row) = rest.strip_prefix('|') {
            let row = row.strip_prefix(' ').unwrap_or(row);
            let last = case.steps.iter_mut().rev().find(|step| step.only == only);
            let Some(Step { action: Action::Admin { answer, .. }, .. }) = last else {
                panic!("{file}: {line}: an answer without a command");
            };
            answer.push(row.to_owned());
            let step = case.steps.iter_mut().rev().find(|step| step.only == only).unwrap();
            step.text.push_str(&format!("\n{}{line}", if only.is_some() { "" } else { "  " }));
            continue;
        }
        let action = action(rest).unwrap_or_else(|| panic!("{file}: {line}: no step"));
        case.steps.push(Step { only, text: rest.to_owned(), action });
    }
    for case in &cases {
        let differs = case.steps.iter().any(|step| step.only.is_some());
        assert!(differs == case.why.is_some(), "{}: a case that differs says why, and only such a case", case.name);
    }
    cases
}

fn action(text: &str) -> Option<Action> {
    for (prefix, end) in [("$lf", "\n"), ("$", "\r\n")] {
        if let Some(command) = text.strip_prefix(prefix) {
            let command = command.strip_prefix(' ').unwrap_or(command);
            return Some(Action::Admin { command: command.to_owned(), end, answer: Vec::new() });
        }
    }
    let (who, rest) = text.split_once(' ')?;
    let who = who.to_owned();
    if rest == "x" {
        return Some(Action::Close { who });
    }
    let (direction, rest) = rest.split_once(' ')?;
    match (direction, rest) {
        (">>", bytes) => return Some(Action::SendRaw { who, bytes: bytes.to_owned() }),
        ("<", "nothing") => return Some(Action::ReceiveNothing { who }),
        ("<", "closed") => return Some(Action::ReceiveClosed { who }),
        _ => {}
    }
    let (kind, args) = match rest.split_once(' ') {
        Some((kind, args)) => (kind, args.split('|').map(str::to_owned).collect()),
        None => (rest, Vec::new()),
    };
    let kind = *PacketType::ALL.iter().find(|known| known.name() == kind)?;
    match direction {
        ">" => Some(Action::Send { who, kind, args }),
        "<" => Some(Action::Receive { who, kind, args }),
        _ => None,
    }
}

/// Text with escapes as bytes.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((inner, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            out.extend(braces(inner));
            rest = after;
            continue;
        }
        let escapes = [("\\0", 0), ("\\t", b'\t'), ("\\r", b'\r'), ("\\n", b'\n'), ("\\\\", b'\\')];
        if let Some((escape, byte)) = escapes.iter().find(|(escape, _)| rest.starts_with(escape)) {
            out.push(*byte);
            rest = &rest[escape.len()..];
        } else if let Some(hex) = rest.strip_prefix("\\x") {
            out.push(u8::from_str_radix(&hex[..2], 16).unwrap());
            rest = &hex[2..];
        } else {
            let len = first.len_utf8();
            out.extend_from_slice(&rest.as_bytes()[..len]);
            rest = &rest[len..];
        }
    }
    out
}

fn braces(inner: &str) -> Vec<u8> {
    if let Some(offset) = inner.strip_prefix("now") {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let offset: i64 = offset.parse().unwrap();
        return now.checked_add_signed(offset).unwrap().to_string().into_bytes();
    }
    let (what, count) = inner.split_once('*').unwrap_or_else(|| panic!("{{{inner}}}"));
    what.repeat(count.parse().unwrap()).into_bytes()
}
