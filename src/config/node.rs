//! The tree of a TOML text: every key and value with its place.

use crate::config::source::Place;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where the value is written.
    pub(super) place: Place,
    /// The value.
    pub(super) value: Value,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Whole(i128),
    Number(f64),
    /// A number that fits no type, as written.
    Huge(String),
    Truth(bool),
    Date,
    List(Vec<Node>),
    /// Entries in the order of the text.
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

/// A step from a value into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<&String> for Step {
    fn from(key: &String) -> Self {
        Self::Key(key.clone())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl Node {
    /// A table without entries.
    pub(super) fn empty_table(place: Place) -> Self {
        Self { place, value: Value::Table(Vec::new()) }
    }

    /// The entries of a table; none for other values.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry with this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value at one step into this one.
    pub(super) fn child(&self, step: &Step) -> Option<&Node> {
        match (&self.value, step) {
            (Value::Table(_), Step::Key(key)) => self.entry(key).map(|entry| &entry.node),
            (Value::List(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }

    /// The value at one step into this one.
    pub(super) fn child_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (&mut self.value, step) {
            (Value::Table(entries), Step::Key(key)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)
            }
            (Value::List(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// The value at the end of a path.
    pub(super) fn get(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| node.child(step))
    }

    /// The place of the value at the end of a path; where the path ends early, the last key that is there.
    pub(super) fn place_of(&self, path: &[Step]) -> Place {
        let (mut node, mut place) = (self, self.place);
        for step in path {
            let Some(child) = node.child(step) else { return place };
            place = match step {
                Step::Key(key) => node.entry(key).map_or(child.place, |entry| entry.key_place),
                Step::Index(_) => child.place,
            };
            node = child;
        }
        // A table's own place is its header or, for a dotted key, nothing useful: its key says more.
        if matches!(node.value, Value::Table(_)) { place } else { node.place }
    }

    /// Takes out the entry or element at the end of a path.
    pub(super) fn remove(&mut self, path: &[Step]) -> Option<Node> {
        let (last, parents) = path.split_last()?;
        let parent = parents.iter().try_fold(self, |node, step| node.child_mut(step))?;
        match (&mut parent.value, last) {
            (Value::Table(entries), Step::Key(key)) => {
                let index = entries.iter().position(|entry| entry.key == *key)?;
                Some(entries.remove(index).node)
            }
            (Value::List(items), Step::Index(index)) if *index < items.len() => Some(items.remove(*index)),
            _ => None,
        }
    }

    /// What kind of value this is, in words.
    pub(super) fn kind(&self) -> String {
        match &self.value {
            Value::Text(_) => "a string".to_owned(),
            Value::Whole(number) => format!("the number {number}"),
            Value::Number(number) => format!("the number {number:?}"),
            Value::Huge(text) => format!("the number {text}"),
            Value::Truth(truth) => format!("`{truth}`"),
            Value::Date => "a date".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}
