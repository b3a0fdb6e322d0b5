//! The tree of a TOML text: every key and value with its place.

use crate::document::source::Place;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where the value is written.
    pub(crate) place: Place,
    /// The value.
    pub(crate) value: Value,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
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
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

/// A step from a value into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
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
    pub(crate) fn empty_table(place: Place) -> Self {
        Self { place, value: Value::Table(Vec::new()) }
    }

    /// The entries of a table; none for other values.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value at one step into this one.
    pub(crate) fn child(&self, step: &Step) -> Option<&Node> {
        match (&self.value, step) {
            (Value::Table(_), Step::Key(key)) => self.entry(key).map(|entry| &entry.node),
            (Value::List(items), Step::Index(index)) => items.get(*index),
            // A name of digits alone.
            (Value::Table(_), Step::Index(index)) => self.entry(&index.to_string()).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The places of the value and of everything in it.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places = vec![self.place];
        match &self.value {
            Value::List(items) => places.extend(items.iter().flat_map(Node::places)),
            Value::Table(entries) => {
                places.extend(entries.iter().map(|entry| entry.key_place));
                places.extend(entries.iter().flat_map(|entry| entry.node.places()));
            }
            _ => {}
        }
        places
    }

    /// The value at one step into this one.
    pub(crate) fn child_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (&mut self.value, step) {
            (Value::Table(entries), Step::Key(key)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)
            }
            (Value::List(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// The value at the end of a path.
    pub(crate) fn get(&self, path: &[Step]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| node.child(step))
    }

    /// The place of the value at the end of a path; where the path ends early, the last key that is there.
    pub(crate) fn place_of(&self, path: &[Step]) -> Place {
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
    pub(crate) fn remove(&mut self, path: &[Step]) -> Option<Node> {
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
    pub(crate) fn kind(&self) -> String {
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
