//! Fewer rights for a job's processes: how `user`, `rlimits`, `env` and the like are read.
//!
//! What a value means is decided here; whether the machine knows the user, and lets the driver do all that, its host
//! finds out by trying.

use std::collections::BTreeMap;

use super::codec::{Codec, Names, Switch, ValueError, wrong_type};
use super::node::{Key, Node, Value};
use crate::{size, suggest};

/// A limit of a resource of a process; `None`: unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// What counts; the process may raise it up to the other.
    pub soft: Option<u64>,
    /// What the soft limit can't be raised above.
    pub hard: Option<u64>,
}

/// The resources that `rlimits` may name, as setrlimit(2) does without `RLIMIT_`, in small letters; whether they are counted
/// in bytes.
pub const RESOURCES: [(&str, bool); 16] = [
    ("as", true),
    ("core", true),
    ("cpu", false),
    ("data", true),
    ("fsize", true),
    ("locks", false),
    ("memlock", true),
    ("msgqueue", true),
    ("nice", false),
    ("nofile", false),
    ("nproc", false),
    ("rss", true),
    ("rtprio", false),
    ("rttime", false),
    ("sigpending", false),
    ("stack", true),
];

/// A user, by name or number.
pub(super) fn user(node: &Node) -> Result<String, ValueError> {
    account(node, "user", "a user, by name or number")
}

/// A group, by name or number.
pub(super) fn group(node: &Node) -> Result<String, ValueError> {
    account(node, "group", "a group, by name or number")
}

fn account(node: &Node, what: &str, expected: &'static str) -> Result<String, ValueError> {
    let text = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::String(text) if text.trim().is_empty() => return Err(ValueError::invalid("the value is empty")),
        Value::String(text) => text.clone(),
        _ => return wrong_type(expected, node),
    };
    let digits = text.strip_prefix('-').unwrap_or(&text).bytes().all(|byte| byte.is_ascii_digit());
    // The last one means "as before" to the kernel.
    if digits && !text.parse::<u32>().is_ok_and(|number| number != u32::MAX) {
        return Err(ValueError::invalid(format!("{text} is no number of a {what}: 0 to {} is", u32::MAX - 1)));
    }
    Ok(text)
}

/// A table of limits.
pub(super) fn rlimits(node: &Node) -> Result<BTreeMap<String, Rlimit>, ValueError> {
    let Some(entries) = node.entries() else { return wrong_type("a table of limits, as { nofile = 1024 }", node) };
    entries.iter().map(|(key, value)| Ok((key.name.clone(), rlimit(key, value)?))).collect()
}

fn rlimit(key: &Key, node: &Node) -> Result<Rlimit, ValueError> {
    let names = || RESOURCES.iter().map(|(name, _)| *name);
    let known = RESOURCES.iter().find(|(name, _)| *name == key.name);
    let Some((_, bytes)) = known else {
        let all = names().collect::<Vec<_>>().join(", ");
        let bare = key.name.to_lowercase();
        let bare = bare.strip_prefix("rlimit_").unwrap_or(&bare);
        let unknown = ValueError::Invalid {
            reason: format!("no resource is called so: {all} are"),
            help: suggest::did_you_mean(bare, names()),
        };
        return Err(unknown.within(key, key.span.clone()));
    };
    let bound = |node: &Node| bound(node, *bytes).map_err(|error| error.within(key, node.span.clone()));
    let limit = match &node.value {
        Value::List(items) => match items.as_slice() {
            [soft, hard] => Rlimit { soft: bound(soft)?, hard: bound(hard)? },
            _ => {
                let reason = format!("a list of {}: [SOFT, HARD] is wanted, or one value for both", items.len());
                return Err(ValueError::invalid(reason).within(key, node.span.clone()));
            }
        },
        _ => {
            let both = bound(node)?;
            Rlimit { soft: both, hard: both }
        }
    };
    let order = |bound: Option<u64>| bound.unwrap_or(u64::MAX);
    if order(limit.soft) > order(limit.hard) {
        let reason = "the soft limit, which comes first, is above the hard one";
        return Err(ValueError::invalid(reason).within(key, node.span.clone()));
    }
    Ok(limit)
}

/// `None`: unlimited.
fn bound(node: &Node, bytes: bool) -> Result<Option<u64>, ValueError> {
    match &node.value {
        Value::Integer(number) => u64::try_from(*number)
            .map(Some)
            .map_err(|_| ValueError::invalid(format!("{number} is no limit: write \"unlimited\" where there is none"))),
        Value::String(text) if text == "unlimited" => Ok(None),
        Value::String(text) if bytes => {
            size::parse(text).map(Some).map_err(|error| ValueError::invalid(error.to_string()))
        }
        _ if bytes => wrong_type("a number of bytes, a size as \"2GB\", or \"unlimited\"", node),
        _ => wrong_type("a whole number or \"unlimited\"", node),
    }
}

/// A priority.
pub(super) fn nice(node: &Node) -> Result<i32, ValueError> {
    let Value::Integer(number) = node.value else { return wrong_type("a whole number from -20 to 19", node) };
    let nice = i32::try_from(number).ok().filter(|nice| (-20..=19).contains(nice));
    nice.ok_or_else(|| ValueError::invalid(format!("{number} is no priority: -20 (first) to 19 (last) is")))
}

/// Names of variables.
pub(super) fn env_keep(node: &Node) -> Result<Vec<String>, ValueError> {
    let names = Names::from_node(node)?;
    match names.iter().find_map(|name| not_a_name(name)) {
        Some(reason) => Err(ValueError::invalid(reason)),
        None => Ok(names),
    }
}

/// Variables with their values.
pub(super) fn env(node: &Node) -> Result<BTreeMap<String, String>, ValueError> {
    let Some(entries) = node.entries() else {
        return wrong_type("a table of variables, as { LANG = \"C.UTF-8\" }", node);
    };
    entries.iter().map(|(key, value)| Ok((key.name.clone(), variable(key, value)?))).collect()
}

fn variable(key: &Key, node: &Node) -> Result<String, ValueError> {
    if let Some(reason) = not_a_name(&key.name) {
        return Err(ValueError::invalid(reason).within(key, key.span.clone()));
    }
    let value = match &node.value {
        Value::String(text) if text.contains('\0') => Err(ValueError::invalid("a variable can't hold a NUL")),
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        _ => wrong_type("a text or a whole number", node),
    };
    value.map_err(|error| error.within(key, node.span.clone()))
}

fn not_a_name(name: &str) -> Option<String> {
    let wrong = name.trim().is_empty() || name.contains(['=', '\0']);
    wrong.then(|| format!("{name:?} is no name of a variable: it is not empty, and has neither `=` nor NUL"))
}

/// Whether programs get no more rights.
pub(super) fn no_new_privs(node: &Node) -> Result<bool, ValueError> {
    Switch::from_node(node)
}
