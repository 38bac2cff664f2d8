//! How the value of each option is read: from texts (command line, environment, builder) and from a
//! file's node. What a value means is decided here once for all sources.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::layout::Layout;
use crate::level::Level;
use crate::log_entry::LogFormat;
use crate::scaling::{self, Policy};
use crate::{duration, suggest, words};

use super::node::{Key, Node, Value};
use super::{ConfigError, Place};

/// Why a value is refused; [`ValueError::at`] adds the option and the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ValueError {
    WrongType {
        expected: &'static str,
        found: String,
        /// The bytes that are wrong: of one item, in a list.
        span: Range<usize>,
    },
    Invalid {
        reason: String,
        help: Option<String>,
    },
    NotYet {
        reason: String,
    },
    /// Of one entry of a table.
    Within {
        key: String,
        /// The bytes that are wrong, unless `error` knows better.
        span: Range<usize>,
        error: Box<ValueError>,
    },
}

impl ValueError {
    pub(super) fn at(self, name: &str, place: impl Into<Box<Place>>) -> ConfigError {
        let name = name.to_owned();
        let place = place.into();
        match self {
            ValueError::WrongType { expected, found, .. } => {
                ConfigError::WrongType { name, expected: expected.to_owned(), found, place }
            }
            ValueError::Invalid { reason, help } => ConfigError::Invalid { name, reason, help, place },
            ValueError::NotYet { reason } => ConfigError::NotYet { name, reason, place },
            ValueError::Within { key, error, .. } => error.at(&format!("{name}.{key}"), place),
        }
    }

    /// This error, of an entry of a table.
    pub(super) fn within(self, key: &Key, span: Range<usize>) -> Self {
        ValueError::Within { key: key.name.clone(), span, error: Box::new(self) }
    }

    /// The bytes that are wrong, where they are fewer than the whole value.
    pub(super) fn span(&self) -> Option<Range<usize>> {
        match self {
            ValueError::WrongType { span, .. } => Some(span.clone()),
            ValueError::Within { span, error, .. } => error.span().or_else(|| Some(span.clone())),
            _ => None,
        }
    }

    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        ValueError::Invalid { reason: reason.into(), help: None }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueError::WrongType { expected, found, .. } => write!(f, "must be {expected}, not {found}"),
            ValueError::Invalid { reason, help: None } => f.write_str(reason),
            ValueError::Invalid { reason, help: Some(help) } => write!(f, "{reason}: {help}"),
            ValueError::NotYet { reason } => write!(f, "not yet: {reason}"),
            ValueError::Within { key, error, .. } => write!(f, "{key}: {error}"),
        }
    }
}

/// Reads the value of one option.
pub(super) trait Codec {
    type Value;

    /// From the texts that were given: several only where the option takes a list.
    fn from_texts(texts: &[&str]) -> Result<Self::Value, ValueError>;

    /// From a value of a config file.
    fn from_node(node: &Node) -> Result<Self::Value, ValueError>;
}

/// The last text, which is what a repeated option means.
fn last<'a>(texts: &[&'a str]) -> Result<&'a str, ValueError> {
    texts.last().copied().ok_or_else(|| ValueError::invalid("no value is given"))
}

pub(super) fn wrong_type<T>(expected: &'static str, node: &Node) -> Result<T, ValueError> {
    Err(ValueError::WrongType { expected, found: node.found(), span: node.span.clone() })
}

fn text<'a>(node: &'a Node, expected: &'static str) -> Result<&'a str, ValueError> {
    match &node.value {
        Value::String(text) => Ok(text),
        _ => wrong_type(expected, node),
    }
}

/// The texts of a list; what is no text among them is named, and underlined alone.
fn texts<'a>(items: &'a [Node], expected: &'static str) -> Result<Vec<&'a str>, ValueError> {
    items
        .iter()
        .map(|item| match &item.value {
            Value::String(text) => Ok(text.as_str()),
            _ => Err(ValueError::WrongType {
                expected,
                found: format!("a list with {} in it", item.found()),
                span: item.span.clone(),
            }),
        })
        .collect()
}

/// A codec whose file form is the same text as elsewhere.
macro_rules! text_codec {
    ($(#[$doc:meta])* $name:ident -> $value:ty, $expected:literal, $read:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Codec for $name {
            type Value = $value;

            fn from_texts(texts: &[&str]) -> Result<$value, ValueError> {
                $read(last(texts)?)
            }

            fn from_node(node: &Node) -> Result<$value, ValueError> {
                $read(text(node, $expected)?)
            }
        }
    };
}

text_codec!(
    /// A path that is not empty.
    File -> PathBuf, "a path", path
);
text_codec!(
    /// A log level.
    LevelName -> Level, "a log level", level
);
text_codec!(
    /// A log pattern layout.
    LayoutPattern -> Layout, "a log layout", layout
);
text_codec!(
    /// An address of this machine that the console may listen on.
    ConsoleHost -> String, "a host name or address", console_host
);
text_codec!(
    /// How the log is written.
    Format -> LogFormat, "`layout` or `json`", log_format
);
text_codec!(
    /// A text that is not empty: the name of a user or a group, which the system knows or does not.
    Text -> String, "a text", owned
);
text_codec!(
    /// The driver's name: short, and fit for process titles and file names.
    DriverName -> String, "a name", driver_name
);
text_codec!(
    /// A scaling policy.
    ScalingPolicy -> &'static dyn Policy, "a scaling policy", policy
);

/// The job servers, as one text `host[:port],..`; files may give a list of such texts.
pub(super) struct Servers;

impl Codec for Servers {
    type Value = String;

    fn from_texts(texts: &[&str]) -> Result<String, ValueError> {
        servers(last(texts)?)
    }

    fn from_node(node: &Node) -> Result<String, ValueError> {
        const EXPECTED: &str = "a text `HOST[:PORT],..` or a list of such texts";
        let Value::List(items) = &node.value else {
            return servers(text(node, EXPECTED)?);
        };
        servers(&texts(items, EXPECTED)?.join(","))
    }
}

/// A list of names; files may give one text instead of a list of one.
pub(super) struct Names;

impl Codec for Names {
    type Value = Vec<String>;

    fn from_texts(texts: &[&str]) -> Result<Vec<String>, ValueError> {
        texts.iter().map(|text| non_empty(text).map(str::to_owned)).collect()
    }

    fn from_node(node: &Node) -> Result<Vec<String>, ValueError> {
        const EXPECTED: &str = "a list of texts";
        let Value::List(items) = &node.value else {
            return Self::from_texts(&[text(node, EXPECTED)?]);
        };
        Self::from_texts(&texts(items, EXPECTED)?)
    }
}

/// A list of paths.
pub(super) struct Paths;

impl Codec for Paths {
    type Value = Vec<PathBuf>;

    fn from_texts(texts: &[&str]) -> Result<Vec<PathBuf>, ValueError> {
        texts.iter().map(|text| path(text)).collect()
    }

    fn from_node(node: &Node) -> Result<Vec<PathBuf>, ValueError> {
        Names::from_node(node).map(|names| names.into_iter().map(PathBuf::from).collect())
    }
}

/// A flag: given or not, or on or off in words.
pub(super) struct Switch;

impl Codec for Switch {
    type Value = bool;

    fn from_texts(texts: &[&str]) -> Result<bool, ValueError> {
        match last(texts)? {
            "true" | "1" | "on" | "yes" => Ok(true),
            "false" | "0" | "off" | "no" | "" => Ok(false),
            text => Err(ValueError::invalid(format!("`{text}` is neither on nor off: write true or false"))),
        }
    }

    fn from_node(node: &Node) -> Result<bool, ValueError> {
        match node.value {
            // The original's YAML files, being Perl's, write 1 and 0.
            Value::Bool(value) => Ok(value),
            Value::Integer(number @ (0 | 1)) => Ok(number == 1),
            _ => wrong_type("true or false", node),
        }
    }
}

/// A command with its arguments: a text that is split into words, or in files a list of words.
pub(super) struct CommandLine;

impl Codec for CommandLine {
    type Value = Vec<String>;

    fn from_texts(texts: &[&str]) -> Result<Vec<String>, ValueError> {
        let words = words::split(last(texts)?).map_err(|error| ValueError::invalid(error.to_string()))?;
        program_first(words)
    }

    fn from_node(node: &Node) -> Result<Vec<String>, ValueError> {
        const EXPECTED: &str = "a command, as a text or as a list of words";
        let Value::List(items) = &node.value else {
            return Self::from_texts(&[text(node, EXPECTED)?]);
        };
        program_first(self::texts(items, EXPECTED)?.into_iter().map(str::to_owned).collect())
    }
}

fn program_first(words: Vec<String>) -> Result<Vec<String>, ValueError> {
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words),
        _ => Err(ValueError::invalid("no command is given")),
    }
}

/// A TCP port, 0 included.
pub(super) struct Port;

impl Codec for Port {
    type Value = u16;

    fn from_texts(texts: &[&str]) -> Result<u16, ValueError> {
        let text = last(texts)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(|| ValueError::invalid(format!("`{text}` is no port: a number from 0 to 65535 is")))
    }

    fn from_node(node: &Node) -> Result<u16, ValueError> {
        match node.value {
            Value::Integer(number) => u16::try_from(number)
                .map_err(|_| ValueError::invalid(format!("{number} is no port: a number from 0 to 65535 is"))),
            _ => wrong_type("a port number", node),
        }
    }
}

/// A duration; a bare number is seconds.
pub(super) struct Seconds;

impl Codec for Seconds {
    type Value = Duration;

    fn from_texts(texts: &[&str]) -> Result<Duration, ValueError> {
        duration::parse(last(texts)?).map_err(|error| ValueError::invalid(error.to_string()))
    }

    fn from_node(node: &Node) -> Result<Duration, ValueError> {
        match &node.value {
            Value::Integer(number) => duration::parse(&number.to_string()),
            Value::Float(number) => duration::from_seconds(*number),
            Value::String(text) => duration::parse(text),
            _ => {
                return wrong_type("a duration (a number of seconds, or a text as \"500ms\")", node);
            }
        }
        .map_err(|error| ValueError::invalid(error.to_string()))
    }
}

/// How often something may happen; 0 included.
pub(super) struct Count;

impl Count {
    const MOST: u32 = 1_000_000;

    fn within(number: i128) -> Result<u32, ValueError> {
        u32::try_from(number)
            .ok()
            .filter(|number| *number <= Self::MOST)
            .ok_or_else(|| ValueError::invalid(format!("{number} is out of range, which is 0 to {}", Self::MOST)))
    }
}

impl Codec for Count {
    type Value = u32;

    fn from_texts(texts: &[&str]) -> Result<u32, ValueError> {
        let text = last(texts)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Self::within(number),
            _ => Err(ValueError::invalid(format!("`{text}` is no whole number: 0 to {} is", Self::MOST))),
        }
    }

    fn from_node(node: &Node) -> Result<u32, ValueError> {
        match node.value {
            Value::Integer(number) => Self::within(number.into()),
            _ => wrong_type("a whole number", node),
        }
    }
}

/// Whether `node` says that a flag is off. The original's YAML files, being Perl's, write 0.
pub(super) fn is_off(node: &Node) -> bool {
    matches!(node.value, Value::Bool(false) | Value::Integer(0))
}

fn non_empty(text: &str) -> Result<&str, ValueError> {
    if text.trim().is_empty() { Err(ValueError::invalid("the value is empty")) } else { Ok(text) }
}

fn path(text: &str) -> Result<PathBuf, ValueError> {
    non_empty(text).map(PathBuf::from)
}

fn servers(text: &str) -> Result<String, ValueError> {
    non_empty(text).map(str::to_owned)
}

fn owned(text: &str) -> Result<String, ValueError> {
    non_empty(text).map(str::to_owned)
}

fn driver_name(text: &str) -> Result<String, ValueError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
        return Err(ValueError::invalid(format!(
            "`{text}` is no driver's name: 1 to 32 letters, digits and `_`, `-`, `.` are"
        )));
    }
    Ok(text.to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, ValueError> {
    match text {
        "layout" => Ok(LogFormat::Layout),
        "json" => Ok(LogFormat::Json),
        _ => Err(ValueError::Invalid {
            reason: format!("`{text}` is no log format: `layout` or `json` is"),
            help: suggest::did_you_mean(text, ["layout", "json"]),
        }),
    }
}

fn level(text: &str) -> Result<Level, ValueError> {
    text.parse().map_err(|error: crate::level::LevelError| ValueError::Invalid {
        help: error.suggestion.map(|name| format!("did you mean `{name}`?")),
        reason: error.to_string(),
    })
}

fn layout(text: &str) -> Result<Layout, ValueError> {
    Layout::parse(text).map_err(|error| {
        let carets = error.caret();
        let help = match error.help() {
            Some(help) => format!("{help}\n{carets}"),
            None => carets,
        };
        ValueError::Invalid { reason: error.to_string(), help: Some(help) }
    })
}

fn console_host(text: &str) -> Result<String, ValueError> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match non_empty(bare)? {
        "127.0.0.1" | "::1" => Ok(bare.to_owned()),
        name if name.eq_ignore_ascii_case("localhost") => Ok("localhost".to_owned()),
        _ => Err(ValueError::NotYet {
            reason: format!(
                "an address other than 127.0.0.1, localhost and ::1 (here `{text}`) needs a token, which is not there yet"
            ),
        }),
    }
}

fn policy(text: &str) -> Result<&'static dyn Policy, ValueError> {
    if text == "adaptive" {
        return Err(ValueError::NotYet {
            reason: "`adaptive` comes with a later release, `classic` is there".to_owned(),
        });
    }
    scaling::by_name(text).ok_or_else(|| {
        let names = scaling::POLICIES.iter().map(|policy| policy.name());
        ValueError::Invalid {
            reason: format!("`{text}` is no scaling policy: `{}` is", names.clone().collect::<Vec<_>>().join(", ")),
            help: suggest::did_you_mean(text, names),
        }
    })
}
