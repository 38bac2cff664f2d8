//! The one tree that TOML and YAML files become: values and keys, each with its bytes in the file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Label, Origin, Place};

/// How deep tables and lists may be nested in a file.
pub(super) const MAX_DEPTH: usize = 32;

/// How many values a file may hold, those that YAML aliases repeat included.
pub(super) const MAX_NODES: usize = 50_000;

/// A value of a file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    /// TOML only; as it stands there.
    Datetime(String),
    List(Vec<Node>),
    /// In the order of the file; no key stands twice.
    Table(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

impl Node {
    /// What this is, for "must be .., not ..".
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the truth value `{value}`"),
            Value::Integer(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::String(text) => {
                let shown: String = text.chars().take(40).collect();
                let dots = if shown.len() < text.len() { ".." } else { "" };
                format!("the text {shown:?}{dots}")
            }
            Value::Datetime(text) => format!("the date {text}"),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }

    /// The entries of a table; YAML writes an empty one as nothing.
    pub(super) fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Table(entries) => Some(entries),
            Value::Null => Some(&[]),
            _ => None,
        }
    }

    /// A value that a program has given as JSON. A number beyond 64 bits with a sign becomes an inexact one.
    pub(super) fn from_json(value: &serde_json::Value) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::String(text.clone()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Node::from_json).collect()),
            serde_json::Value::Object(entries) => Value::Table(
                entries
                    .iter()
                    .map(|(name, value)| (Key { name: name.clone(), span: 0..0 }, Node::from_json(value)))
                    .collect(),
            ),
        };
        Self { value, span: 0..0 }
    }

    /// As JSON, for `worker_options`. A date becomes its text, a number that JSON lacks (not a number,
    /// infinite) becomes null.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::String(text) | Value::Datetime(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
        }
    }
}

/// A config file's text, which turns bytes into lines.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: Arc<str>,
    line_starts: Vec<usize>,
}

impl Source {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
            .collect();
        Source { path: path.to_owned(), text: text.into(), line_starts }
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn origin(&self, span: &Range<usize>) -> Origin {
        let line = self.line_starts.partition_point(|start| *start <= span.start);
        Origin::File { path: self.path.clone(), line }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Box<Place> {
        let end = span.end.min(self.text.len());
        let label =
            Label { source_name: self.name(), source_text: Arc::clone(&self.text), range: span.start.min(end)..end };
        Box::new(Place { origin: self.origin(span), label: Some(label) })
    }
}
