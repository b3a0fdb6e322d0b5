//! The position of a walk over the tree.

use crate::base::nearest;
use crate::document::schema;
use crate::document::source::Span;
use serde_json::Value as Schema;

/// The position of a walk over the tree: a key with its parents.
pub(crate) struct Scope<'a> {
    pub(crate) parent: Option<&'a Scope<'a>>,
    pub(crate) key: &'a str,
    pub(crate) span: Span,
    /// Whether it is an element of the list under the key.
    pub(crate) is_element: bool,
    /// A named table of a section.
    pub(crate) is_named: bool,
    /// The schema of the whole file.
    pub(crate) file: &'static Schema,
}

impl Scope<'_> {
    /// Creates the scope of the file itself.
    pub(crate) fn of_file(span: Span, file: &'static Schema) -> Self {
        Self { parent: None, key: "", span, is_element: false, is_named: false, file }
    }

    /// Returns the section that the scope lies in and its named table, empty for `[dataset]`.
    pub(crate) fn owner(&self) -> (String, String) {
        match self.parent {
            Some(parent) if self.depth() > 2 => parent.owner(),
            Some(parent) if self.depth() == 2 && self.is_named => (parent.key.to_owned(), self.key.to_owned()),
            Some(parent) if self.depth() == 2 => (parent.key.to_owned(), String::new()),
            _ => (self.key.to_owned(), String::new()),
        }
    }

    /// Returns the depth below the file: 0 for the file itself, 1 for `[section]`, 2 for `[section.name]`.
    pub(crate) fn depth(&self) -> usize {
        self.parent.map_or(0, |parent| parent.depth() + 1)
    }

    /// Formats the table for a message: `[section.name]`, `key`.
    pub(crate) fn table(&self) -> String {
        match (self.depth(), self.parent) {
            (0, _) => "the file".to_owned(),
            (1, _) => format!("`[{}]`", self.key),
            (2, Some(parent)) if self.is_named => format!("`[{}.{}]`", parent.key, self.key),
            _ => format!("`{}`", self.key),
        }
    }

    /// The candidate that a name was probably meant to be.
    pub(crate) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        nearest::nearest_with(name, candidates, &schema::synonyms(self.file))
    }
}
