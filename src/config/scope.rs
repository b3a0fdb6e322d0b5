//! The position of a walk over the tree.

use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Span;

/// The position of a walk over the tree: a key with its parents.
pub(super) struct Scope<'a> {
    pub(super) parent: Option<&'a Scope<'a>>,
    pub(super) key: &'a str,
    pub(super) span: Span,
    /// Whether it is an element of the list under the key.
    pub(super) is_element: bool,
}

impl Scope<'_> {
    /// Creates the scope of the file itself.
    pub(super) fn of_file(span: Span) -> Self {
        Self { parent: None, key: "", span, is_element: false }
    }

    /// Returns the section that the scope lies in and its named table, empty for `[dataset]`.
    pub(super) fn owner(&self) -> (String, String) {
        match self.parent {
            Some(parent) if self.depth() > 2 => parent.owner(),
            Some(parent) if self.depth() == 2 && NAMED_SECTIONS.contains(&parent.key) => {
                (parent.key.to_owned(), self.key.to_owned())
            }
            Some(parent) if self.depth() == 2 => (parent.key.to_owned(), String::new()),
            _ => (self.key.to_owned(), String::new()),
        }
    }

    /// Returns the depth below the file: 0 for the file itself, 1 for `[dataset]`, 2 for `[pretrain.main]`.
    pub(super) fn depth(&self) -> usize {
        self.parent.map_or(0, |parent| parent.depth() + 1)
    }

    /// Formats the table for a message: `[pretrain.main]`, `sgd`.
    pub(super) fn table(&self) -> String {
        match (self.depth(), self.parent) {
            (0, _) => "the file".to_owned(),
            (1, _) => format!("`[{}]`", self.key),
            (2, Some(parent)) => format!("`[{}.{}]`", parent.key, self.key),
            _ => format!("`{}`", self.key),
        }
    }
}
