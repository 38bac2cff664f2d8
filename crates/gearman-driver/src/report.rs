//! How a configuration error is shown: with the lines of the file around it on a terminal, as one line
//! elsewhere.
//!
//! Decides the looks only; the words are [`ConfigError`]'s.

use std::fmt;
use std::io::IsTerminal as _;

use gearman_driver_core::config::ConfigError;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// How errors are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `PROGRAM: MESSAGE, PLACE`, and the help on lines of its own.
    Plain,
    /// With source lines, drawn for people.
    Fancy {
        /// Whether colours are used.
        color: bool,
    },
}

impl Style {
    /// What suits the standard error of this process: fancy on a terminal, with colours unless `NO_COLOR`
    /// is set.
    pub(crate) fn for_stderr() -> Style {
        if std::io::stderr().is_terminal() {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            Style::Fancy { color: !no_color }
        } else {
            Style::Plain
        }
    }
}

/// `error` as text that ends in a newline, for the standard error of `program`.
pub(crate) fn render(program: &str, error: &ConfigError, style: Style) -> String {
    match style {
        Style::Plain => plain(program, error),
        Style::Fancy { color } => {
            let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
            let mut out = format!("{program}: the configuration is refused\n");
            // A handler that cannot draw is no reason to keep the error back.
            match handler.render_report(&mut out, &Report::new(error)) {
                Ok(()) => out,
                Err(_) => plain(program, error),
            }
        }
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

/// A [`ConfigError`] as miette wants it.
#[derive(Debug)]
struct Report<'a> {
    error: &'a ConfigError,
    source: Option<NamedSource<String>>,
}

impl<'a> Report<'a> {
    fn new(error: &'a ConfigError) -> Self {
        let source = error.label().map(|label| NamedSource::new(&label.source_name, label.source_text.to_string()));
        Report { error, source }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With a source, miette shows the place itself.
        match self.source {
            Some(_) => f.write_str(&self.error.message()),
            None => self.error.fmt(f),
        }
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.error.code()))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.error.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let range = self.error.label()?.range.clone();
        let span = LabeledSpan::underline((range.start, range.len()));
        Some(Box::new(std::iter::once(span)))
    }
}

#[cfg(test)]
mod tests;
