//! A configuration error, drawn for people by miette.

use std::fmt;

use gearman_driver_core::config::ConfigError;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// `error` with the lines of the file around it.
pub(super) fn draw(program: &str, error: &ConfigError, color: bool) -> Result<String, fmt::Error> {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut out = format!("{program}: the configuration is refused\n");
    handler.render_report(&mut out, &Report::new(error))?;
    Ok(out)
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
