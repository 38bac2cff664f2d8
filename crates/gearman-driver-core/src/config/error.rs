//! What can be wrong with a configuration, and how it is said.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use super::Origin;

/// Why a configuration is refused.
///
/// `Display` is one line with the place at its end: `unknown key \`intervall\`, at drivers.toml:14`.
/// [`ConfigError::message`], [`help`](ConfigError::help) and [`label`](ConfigError::label) are its parts,
/// for reports that show the source lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no option or key of this name.
    #[error("unknown {what} `{}`, {place}", OneLine(.name))]
    Unknown {
        /// "key", "option" or "environment variable".
        what: &'static str,
        /// The name as it was given.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
        /// Where it stands.
        place: Box<Place>,
    },
    /// A value is of another type than its option takes.
    #[error("`{}` must be {expected}, not {}, {place}", OneLine(.name), OneLine(.found))]
    WrongType {
        /// The option or key.
        name: String,
        /// What it takes.
        expected: String,
        /// What was there.
        found: String,
        /// Where it stands.
        place: Box<Place>,
    },
    /// A value is of the right type, and still can't be.
    #[error("`{}`: {}, {place}", OneLine(.name), OneLine(.reason))]
    Invalid {
        /// The option or key.
        name: String,
        /// What is wrong with it.
        reason: String,
        /// How to mend it.
        help: Option<String>,
        /// Where it stands.
        place: Box<Place>,
    },
    /// The option, or the value, is known, and this release cannot do it yet.
    #[error("`{}`: not yet: {}, {place}", OneLine(.name), OneLine(.reason))]
    NotYet {
        /// The option or key.
        name: String,
        /// What is not there yet.
        reason: String,
        /// Where it stands.
        place: Box<Place>,
    },
    /// `min_processes` is greater than `max_processes`.
    #[error("job `{}`: max_processes ({max}) is below min_processes ({min}), {place}", OneLine(.job))]
    MinOverMax {
        /// The job, as named in `job_runtime_attributes`.
        job: String,
        /// `min_processes`
        min: u32,
        /// `max_processes`
        max: u32,
        /// Where `max_processes` stands.
        place: Box<Place>,
    },
    /// One key stands twice in one table.
    #[error("`{}` is given twice, {place}", OneLine(.name))]
    Twice {
        /// The key, in the spelling of its second place.
        name: String,
        /// Where it stands the second time.
        place: Box<Place>,
    },
    /// A file is no TOML or YAML at all, in the words of its parser.
    #[error("this is no {format}: {}, {place}", OneLine(.reason))]
    Syntax {
        /// "TOML" or "YAML".
        format: &'static str,
        /// What the parser says.
        reason: String,
        /// Where it stopped.
        place: Box<Place>,
    },
    /// A config file's name does not say which format it has.
    #[error("config file `{}` is neither .toml nor .yaml nor .yml, {place}", OneLine(.path))]
    UnknownFormat {
        /// The path as it was given.
        path: String,
        /// Where the file was named.
        place: Box<Place>,
    },
    /// A config file could not be read, in the words of the system.
    #[error("cannot read config file `{}`: {}, {place}", OneLine(.path), OneLine(.reason))]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// What the system says.
        reason: String,
        /// Where the file was named.
        place: Box<Place>,
    },
}

/// Where something is wrong, shown as its origin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which source, and for a file the line.
    pub origin: Origin,
    /// The text around it, where there is one.
    pub label: Option<Label>,
}

/// A range of a source text, to be underlined in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The file's path as it was given.
    pub source_name: String,
    /// The whole text of the file.
    pub source_text: Arc<str>,
    /// The bytes that are wrong.
    pub range: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)
    }
}

/// Shows text of others with its control characters escaped: an error is one line, and no key or value
/// can steer the terminal that shows it.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| {
            if letter.is_control() { write!(f, "{}", letter.escape_default()) } else { f.write_char(letter) }
        })
    }
}

impl From<Origin> for Box<Place> {
    fn from(origin: Origin) -> Self {
        Box::new(Place { origin, label: None })
    }
}

impl ConfigError {
    /// A short, stable name of the kind of error, for reports and for looking it up.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigError::Unknown { .. } => "config::unknown",
            ConfigError::WrongType { .. } => "config::wrong_type",
            ConfigError::Invalid { .. } => "config::invalid",
            ConfigError::NotYet { .. } => "config::not_yet",
            ConfigError::MinOverMax { .. } => "config::min_over_max",
            ConfigError::Twice { .. } => "config::twice",
            ConfigError::Syntax { .. } => "config::syntax",
            ConfigError::UnknownFormat { .. } => "config::unknown_format",
            ConfigError::Unreadable { .. } => "config::unreadable",
        }
    }

    /// What is wrong, in one line, without the place.
    pub fn message(&self) -> String {
        let whole = self.to_string();
        let place = format!(", {}", self.place());
        whole.strip_suffix(&place).map(str::to_owned).unwrap_or(whole)
    }

    /// How to mend it, where there is something to say.
    pub fn help(&self) -> Option<String> {
        match self {
            ConfigError::Unknown { suggestion, .. } => {
                suggestion.as_ref().map(|name| format!("did you mean `{name}`?"))
            }
            ConfigError::Invalid { help, .. } => help.clone(),
            ConfigError::NotYet { .. } => Some("leave it out until then".to_owned()),
            ConfigError::UnknownFormat { .. } => {
                Some("give the file a name that ends in .toml, .yaml or .yml".to_owned())
            }
            _ => None,
        }
    }

    /// Where it is wrong.
    pub fn place(&self) -> &Place {
        match self {
            ConfigError::Unknown { place, .. }
            | ConfigError::WrongType { place, .. }
            | ConfigError::Invalid { place, .. }
            | ConfigError::NotYet { place, .. }
            | ConfigError::MinOverMax { place, .. }
            | ConfigError::Twice { place, .. }
            | ConfigError::Syntax { place, .. }
            | ConfigError::UnknownFormat { place, .. }
            | ConfigError::Unreadable { place, .. } => place,
        }
    }

    /// The source text and the range of it that is wrong, where there is one.
    pub fn label(&self) -> Option<&Label> {
        self.place().label.as_ref()
    }
}
