//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value of the configuration came from. Displayed as the end of a sentence:
/// "at drivers.toml:14", "from GEARMAN_DRIVER_SERVER", "on the command line".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// An option of the command line.
    CommandLine,
    /// An environment variable, by its whole name.
    Environment(String),
    /// A config file.
    File {
        /// The path as it was given.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A call of the program's own, on the builder.
    Builder,
    /// Nobody said anything else.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("on the command line"),
            Origin::Environment(variable) => write!(f, "from {variable}"),
            Origin::File { path, line } => write!(f, "at {}:{line}", path.display()),
            Origin::Builder => f.write_str("set by the program"),
            Origin::Default => f.write_str("by default"),
        }
    }
}

/// A value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value from `origin`.
    pub fn new(value: T, origin: Origin) -> Self {
        Sourced { value, origin }
    }

    /// A value that the program itself set on the builder.
    pub fn builder(value: T) -> Self {
        Sourced::new(value, Origin::Builder)
    }
}
