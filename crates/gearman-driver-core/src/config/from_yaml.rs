//! YAML into the common tree.
//!
//! Built from the parser's events and not from its own tree: so depth and size are bounded while it is
//! read, and aliases that repeat aliases (a few lines that would become gigabytes) end in an error.

use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::Range;

use saphyr::Scalar;
use saphyr_parser::{Event, Marker, Parser, ScanError, Span};

use super::ConfigError;
use super::node::{Key, MAX_DEPTH, MAX_NODES, Node, Source, Value};

/// Reads a whole file of one document; an empty one is an empty table.
pub(super) fn parse(source: &Source) -> Result<Node, ConfigError> {
    let mut reader = Reader {
        source,
        bytes: ByteOffsets::new(source.text()),
        root: None,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut parser = Parser::new_from_str(source.text());
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| reader.scan_error(&error))?;
        if event == Event::StreamEnd {
            break;
        }
        reader.event(event, span)?;
    }
    Ok(match reader.root {
        Some(Node { value: Value::Null, span }) => Node { value: Value::Table(Vec::new()), span },
        Some(root) => root,
        None => Node { value: Value::Table(Vec::new()), span: 0..0 },
    })
}

/// A list or table that is not yet at its end.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Table { entries: Vec<(Key, Node)>, names: HashSet<String>, key: Option<Key> },
}

struct Reader<'a> {
    source: &'a Source,
    bytes: ByteOffsets,
    root: Option<Node>,
    open: Vec<Open>,
    /// By the parser's number, with the count of nodes in each.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), ConfigError> {
        let span = self.bytes.range(span);
        match event {
            Event::StreamStart | Event::StreamEnd | Event::Nothing | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.error(&span, "a second document: a config file is one".to_owned()))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some((mut node, count)) => {
                    self.count(count, &span)?;
                    // What is wrong in it is shown where it is used.
                    node.span = span;
                    self.insert(node, 0)
                }
                None => Err(self.error(&span, "an alias inside its own anchor".to_owned())),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let value = match Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref()) {
                    Some(Scalar::Null) => Value::Null,
                    Some(Scalar::Boolean(value)) => Value::Bool(value),
                    Some(Scalar::Integer(number)) => Value::Integer(number),
                    Some(Scalar::FloatingPoint(number)) => Value::Float(number.into_inner()),
                    Some(Scalar::String(text)) => Value::String(text.into_owned()),
                    None => {
                        return Err(self.error(&span, "a value that does not fit its tag".to_owned()));
                    }
                };
                self.count(1, &span)?;
                self.insert(Node { value, span }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.start(span, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.start(span, anchor, Content::Table { entries: Vec::new(), names: HashSet::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                // The parser closes only what it opened.
                let Some(open) = self.open.pop() else {
                    return Ok(());
                };
                let value = match open.content {
                    Content::List(items) => Value::List(items),
                    Content::Table { entries, .. } => Value::Table(entries),
                };
                let end = self.trimmed_end(open.start, span.end);
                self.insert(Node { value, span: open.start..end }, open.anchor)
            }
        }
    }

    fn start(&mut self, span: Range<usize>, anchor: usize, content: Content) -> Result<(), ConfigError> {
        self.count(1, &span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(self.error(&span, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        if let Some(Open { content: Content::Table { key: None, .. }, .. }) = self.open.last() {
            return Err(self.error(&span, "a key that is a list or a table".to_owned()));
        }
        self.open.push(Open { start: span.start, anchor, content });
        Ok(())
    }

    /// Adds a finished node to the list or table that is open.
    fn insert(&mut self, node: Node, anchor: usize) -> Result<(), ConfigError> {
        if anchor != 0 {
            let count = count(&node);
            self.anchors.insert(anchor, (node.clone(), count));
            // A copy is held for the anchor.
            self.count(count, &node.span)?;
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Table { entries, names, key }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let name = match node.value {
                        Value::String(name) => name,
                        Value::Integer(number) => number.to_string(),
                        Value::Float(number) => number.to_string(),
                        Value::Bool(value) => value.to_string(),
                        Value::Null => "null".to_owned(),
                        _ => {
                            let reason = "a key that is a list or a table".to_owned();
                            return Err(self.error(&node.span, reason));
                        }
                    };
                    if !names.insert(name.clone()) {
                        let place = self.source.place(&node.span);
                        return Err(ConfigError::Twice { name, place });
                    }
                    *key = Some(Key { name, span: node.span });
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, count: usize, span: &Range<usize>) -> Result<(), ConfigError> {
        self.nodes = self.nodes.saturating_add(count);
        if self.nodes > MAX_NODES {
            return Err(self.error(span, format!("more than {MAX_NODES} values")));
        }
        Ok(())
    }

    /// A block ends where the next thing begins; white space and comments before that are not of it.
    fn trimmed_end(&self, start: usize, end: usize) -> usize {
        let inside = self.source.text().get(start..end).unwrap_or_default();
        start + inside.trim_end().len()
    }

    fn error(&self, span: &Range<usize>, reason: String) -> ConfigError {
        ConfigError::Syntax { format: "YAML", reason, place: self.source.place(span) }
    }

    fn scan_error(&self, error: &ScanError) -> ConfigError {
        let at = self.bytes.offset(*error.marker());
        self.error(&(at..at), error.info().to_owned())
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Table(entries) => entries.iter().map(|(_, node)| count(node)).sum(),
        _ => 0,
    }
}

/// Turns the parser's offsets, which count characters, into bytes.
struct ByteOffsets {
    /// `None` for plain ASCII, where they are the same.
    offsets: Option<Vec<usize>>,
    length: usize,
}

impl ByteOffsets {
    fn new(text: &str) -> Self {
        let offsets = (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        ByteOffsets { offsets, length: text.len() }
    }

    fn offset(&self, marker: Marker) -> usize {
        match &self.offsets {
            None => marker.index().min(self.length),
            Some(offsets) => offsets.get(marker.index()).copied().unwrap_or(self.length),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.offset(span.start);
        start..self.offset(span.end).max(start)
    }
}
