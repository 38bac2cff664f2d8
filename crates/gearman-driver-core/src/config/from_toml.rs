//! TOML into the common tree.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::node::{Key, MAX_DEPTH, MAX_NODES, Node, Source, Value};

/// Reads a whole file; the tree's root is a table.
pub(super) fn parse(source: &Source) -> Result<Node, ConfigError> {
    let document = DeTable::parse(source.text()).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        // The parser's message can have several lines; ours is one.
        syntax(source, &span, error.message().lines().collect::<Vec<_>>().join(", "))
    })?;
    let span = document.span();
    let mut reader = Reader { source, nodes: 0 };
    reader.table(document.get_ref(), span, 0)
}

fn syntax(source: &Source, span: &Range<usize>, reason: String) -> ConfigError {
    ConfigError::Syntax { format: "TOML", reason, place: source.place(span) }
}

struct Reader<'a> {
    source: &'a Source,
    nodes: usize,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, span: Range<usize>, depth: usize) -> Result<Node, ConfigError> {
        let mut entries = Vec::new();
        for (key, value) in table {
            let key = Key { name: key.get_ref().clone().into_owned(), span: key.span() };
            entries.push((key, self.value(value, depth + 1)?));
        }
        // The parser sorts by name; the first error is to be the first of the file.
        entries.sort_by_key(|(key, _)| key.span.start);
        Ok(Node { value: Value::Table(entries), span })
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, ConfigError> {
        let span = value.span();
        self.nodes += 1;
        if depth > MAX_DEPTH {
            let reason = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(syntax(self.source, &span, reason));
        }
        if self.nodes > MAX_NODES {
            return Err(syntax(self.source, &span, format!("more than {MAX_NODES} values")));
        }
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(Cow::into_owned(text.clone())),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    let reason = format!("the number {number} is out of range");
                    return Err(syntax(self.source, &span, reason));
                }
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => {
                    return Err(syntax(self.source, &span, format!("`{number}` is no number")));
                }
            },
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(date) => Value::Datetime(date.to_string()),
            DeValue::Array(items) => {
                let mut list = Vec::new();
                for item in items {
                    list.push(self.value(item, depth + 1)?);
                }
                Value::List(list)
            }
            DeValue::Table(table) => return self.table(table, span, depth),
        };
        Ok(Node { value, span })
    }
}
