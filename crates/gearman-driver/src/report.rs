//! How a configuration error is shown: with the lines of the file around it on a terminal (feature `cli`), as one line
//! elsewhere.
//!
//! Decides the looks only; the words are [`ConfigError`]'s.

#[cfg(feature = "cli")]
mod fancy;

use gearman_driver_core::config::ConfigError;

/// How errors are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `PROGRAM: MESSAGE, PLACE`, and the help on lines of its own.
    Plain,
    /// With source lines, drawn for people.
    #[cfg(feature = "cli")]
    Fancy {
        /// Whether colours are used.
        color: bool,
    },
}

impl Style {
    /// What suits the standard error of this process: fancy on a terminal, with colours unless `NO_COLOR`
    /// is set.
    #[cfg(feature = "cli")]
    pub(crate) fn for_stderr() -> Style {
        use std::io::IsTerminal as _;
        if std::io::stderr().is_terminal() {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            Style::Fancy { color: !no_color }
        } else {
            Style::Plain
        }
    }

    /// Plain: nothing that draws is built in.
    #[cfg(not(feature = "cli"))]
    pub(crate) fn for_stderr() -> Style {
        Style::Plain
    }
}

/// `error` as text that ends in a newline, for the standard error of `program`.
pub(crate) fn render(program: &str, error: &ConfigError, style: Style) -> String {
    match style {
        Style::Plain => plain(program, error),
        // What can't be drawn is no reason to keep the error back.
        #[cfg(feature = "cli")]
        Style::Fancy { color } => fancy::draw(program, error, color).unwrap_or_else(|_| plain(program, error)),
    }
}

fn plain(program: &str, error: &ConfigError) -> String {
    let mut out = format!("{program}: {error}\n");
    if let Some(help) = error.help() {
        for (index, line) in help.lines().enumerate() {
            out.push_str(if index == 0 { "help: " } else { "      " });
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests;
