//! Reads a pattern into pieces.

use std::ops::Range;

use super::{Field, LayoutError, Piece, Width, date};

/// The greatest width: a bound on what one record can grow to.
const MAX_WIDTH: usize = 1024;

/// The letters that we know, for messages.
const KNOWN: &str = "known are %d %p %m %c %P %H %r %n and %%";

pub(super) fn pieces(pattern: &str) -> Result<Vec<Piece>, LayoutError> {
    let mut parser = Parser { pattern, at: 0, pieces: Vec::new(), literal: String::new() };
    while let Some(next) = parser.next() {
        if next == '%' {
            parser.field()?;
        } else {
            parser.literal.push(next);
        }
    }
    parser.end_literal();
    Ok(parser.pieces)
}

struct Parser<'a> {
    pattern: &'a str,
    /// Byte offset of what comes next.
    at: usize,
    pieces: Vec<Piece>,
    literal: String,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.pattern[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn error(&self, at: Range<usize>, problem: String, help: Option<&str>) -> LayoutError {
        LayoutError { pattern: self.pattern.to_owned(), at, problem, help: help.map(str::to_owned) }
    }

    /// What follows a `%`, which is already read.
    fn field(&mut self) -> Result<(), LayoutError> {
        let start = self.at - 1;
        let width = self.width(start)?;
        let Some(letter) = self.next() else {
            return Err(self.error(
                start..self.at,
                "`%` without a letter".to_owned(),
                Some("write %% for a percent sign"),
            ));
        };
        if letter == '%' && width == Width::default() {
            self.literal.push('%');
            return Ok(());
        }
        let letter_end = self.at;
        let argument = self.argument(start)?;
        let field = self.letter(letter, start..letter_end, argument)?;
        self.end_literal();
        self.pieces.push(Piece::Field { field, width });
        Ok(())
    }

    fn letter(&self, letter: char, at: Range<usize>, argument: Option<Range<usize>>) -> Result<Field, LayoutError> {
        let text = argument.clone().map(|range| &self.pattern[range]);
        let field = match (letter, text) {
            ('d', None) => Field::Date(date::default_format()),
            ('d', Some(format)) => {
                let offset = argument.map_or(at.end, |range| range.start);
                let parts = date::parse(format).map_err(|error| {
                    let at = offset + error.at.start..offset + error.at.end;
                    self.error(at, error.problem, Some(error.help))
                })?;
                Field::Date(parts)
            }
            ('m', Some("chomp")) => Field::Message { chomp: true },
            ('c', Some(count)) => match count.parse::<usize>() {
                Ok(count) if count > 0 => Field::Category { last: Some(count) },
                _ => {
                    return Err(self.error(
                        argument.unwrap_or(at),
                        format!("`{count}` is no number of category parts"),
                        Some("write for example %c{1}"),
                    ));
                }
            },
            ('p', None) => Field::Level,
            ('m', None) => Field::Message { chomp: false },
            ('c', None) => Field::Category { last: None },
            ('P', None) => Field::Pid,
            ('H', None) => Field::Host,
            ('r', None) => Field::SinceStart,
            ('n', None) => Field::Newline,
            ('p' | 'm' | 'P' | 'H' | 'r' | 'n', Some(_)) => {
                return Err(self.error(
                    argument.unwrap_or(at),
                    format!("`%{letter}` takes no such text in braces"),
                    Some("only %d{FORMAT}, %m{chomp} and %c{NUMBER} do"),
                ));
            }
            ('C' | 'F' | 'l' | 'L' | 'M' | 'R' | 'T' | 'x' | 'X', _) => {
                return Err(self.error(
                    at,
                    format!("Log4perl's `%{letter}` ({}) is not supported", foreign(letter)),
                    Some(KNOWN),
                ));
            }
            (letter, _) => {
                return Err(self.error(at, format!("`%{letter}` is no letter of a log layout"), Some(KNOWN)));
            }
        };
        Ok(field)
    }

    /// `-20.30` of `%-20.30m`; each part may be missing.
    fn width(&mut self, start: usize) -> Result<Width, LayoutError> {
        let left = self.peek() == Some('-');
        if left {
            self.at += 1;
        }
        let least = self.number(start)?.unwrap_or(0);
        let mut most = None;
        if self.peek() == Some('.') {
            self.at += 1;
            most = self.number(start)?;
            if most.is_none() {
                return Err(self.error(
                    start..self.at,
                    "a dot without a greatest width behind it".to_owned(),
                    Some("write for example %.20c"),
                ));
            }
        }
        Ok(Width { least, most, left })
    }

    fn number(&mut self, start: usize) -> Result<Option<usize>, LayoutError> {
        let rest = &self.pattern[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if length == 0 {
            return Ok(None);
        }
        self.at += length;
        match rest[..length].parse::<usize>() {
            Ok(number) if number <= MAX_WIDTH => Ok(Some(number)),
            _ => Err(self.error(start..self.at, format!("the width {} is over {MAX_WIDTH}", &rest[..length]), None)),
        }
    }

    /// The range of the text in braces, where an opening brace follows.
    fn argument(&mut self, start: usize) -> Result<Option<Range<usize>>, LayoutError> {
        if self.peek() != Some('{') {
            return Ok(None);
        }
        let inside = self.at + 1;
        match self.pattern[inside..].find('}') {
            Some(length) => {
                self.at = inside + length + 1;
                Ok(Some(inside..inside + length))
            }
            None => Err(self.error(
                start..self.pattern.len(),
                "a brace is not closed".to_owned(),
                Some("write for example %d{HH:mm:ss}"),
            )),
        }
    }
}

/// What the letters mean in Log4perl that have no meaning here.
fn foreign(letter: char) -> &'static str {
    match letter {
        'T' => "a stack trace",
        'R' => "milliseconds since the last record",
        'x' | 'X' => "a diagnostic context",
        _ => "a place in the source code",
    }
}
