//! The tree of a TOML text: every key and value with its source span.

use crate::document::source::Span;

/// A TOML value with its source span.
#[derive(Clone, Debug)]
pub(crate) struct TomlNode {
    /// Where the value is written.
    pub(crate) span: Span,
    /// The value.
    pub(crate) value: TomlValue,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(crate) enum TomlValue {
    String(String),
    Integer(i128),
    Float(f64),
    /// A number outside the range of every type, as written.
    HugeNumber(String),
    Boolean(bool),
    Datetime,
    Array(Vec<TomlNode>),
    /// Entries in the order of the text.
    Table(Vec<TableEntry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct TableEntry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: TomlNode,
}

/// A step of a path: a key of a table or an index of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    Key(String),
    Index(usize),
}

impl From<&str> for PathStep {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<&String> for PathStep {
    fn from(key: &String) -> Self {
        Self::Key(key.clone())
    }
}

impl From<usize> for PathStep {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl TomlNode {
    /// Creates a table without entries.
    pub(crate) fn empty_table(span: Span) -> Self {
        Self { span, value: TomlValue::Table(Vec::new()) }
    }

    /// Returns the entries of a table; none for other values.
    pub(crate) fn entries(&self) -> &[TableEntry] {
        match &self.value {
            TomlValue::Table(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the entry with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&TableEntry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the value one step down.
    pub(crate) fn child(&self, step: &PathStep) -> Option<&TomlNode> {
        match (&self.value, step) {
            (TomlValue::Table(_), PathStep::Key(key)) => self.entry(key).map(|entry| &entry.node),
            (TomlValue::Array(items), PathStep::Index(index)) => items.get(*index),
            // A name made of digits only.
            (TomlValue::Table(_), PathStep::Index(index)) => self.entry(&index.to_string()).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// Returns the spans of the value and of everything in it.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let mut spans = vec![self.span];
        match &self.value {
            TomlValue::Array(items) => spans.extend(items.iter().flat_map(TomlNode::spans)),
            TomlValue::Table(entries) => {
                spans.extend(entries.iter().map(|entry| entry.key_span));
                spans.extend(entries.iter().flat_map(|entry| entry.node.spans()));
            }
            _ => {}
        }
        spans
    }

    /// Returns the value one step down, mutably.
    pub(crate) fn child_mut(&mut self, step: &PathStep) -> Option<&mut TomlNode> {
        match (&mut self.value, step) {
            (TomlValue::Table(entries), PathStep::Key(key)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)
            }
            (TomlValue::Array(items), PathStep::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// Returns the value at a path.
    pub(crate) fn get(&self, path: &[PathStep]) -> Option<&TomlNode> {
        path.iter().try_fold(self, |node, step| node.child(step))
    }

    /// Returns the span of the value at a path, or of the last key of the path that exists.
    pub(crate) fn span_of(&self, path: &[PathStep]) -> Span {
        let (mut node, mut span) = (self, self.span);
        for step in path {
            let Some(child) = node.child(step) else { return span };
            span = match step {
                PathStep::Key(key) => node.entry(key).map_or(child.span, |entry| entry.key_span),
                PathStep::Index(_) => child.span,
            };
            node = child;
        }
        // The span of a table is its header or, for a dotted key, nothing useful: its key is clearer.
        if matches!(node.value, TomlValue::Table(_)) { span } else { node.span }
    }

    /// Removes the entry or element at a path.
    pub(crate) fn remove(&mut self, path: &[PathStep]) -> Option<TomlNode> {
        let (last, parents) = path.split_last()?;
        let parent = parents.iter().try_fold(self, |node, step| node.child_mut(step))?;
        match (&mut parent.value, last) {
            (TomlValue::Table(entries), PathStep::Key(key)) => {
                let index = entries.iter().position(|entry| entry.key == *key)?;
                Some(entries.remove(index).node)
            }
            (TomlValue::Array(items), PathStep::Index(index)) if *index < items.len() => Some(items.remove(*index)),
            _ => None,
        }
    }

    /// Describes the value for a message: `a string`, `the number 3`.
    pub(crate) fn description(&self) -> String {
        match &self.value {
            TomlValue::String(_) => "a string".to_owned(),
            TomlValue::Integer(number) => format!("the number {number}"),
            TomlValue::Float(number) => format!("the number {number:?}"),
            TomlValue::HugeNumber(text) => format!("the number {text}"),
            TomlValue::Boolean(boolean) => format!("`{boolean}`"),
            TomlValue::Datetime => "a date".to_owned(),
            TomlValue::Array(_) => "a list".to_owned(),
            TomlValue::Table(_) => "a table".to_owned(),
        }
    }
}
