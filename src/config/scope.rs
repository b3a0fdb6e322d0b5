//! Where a walk over the tree is.

use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Place;

/// Where the walk is.
pub(super) struct Scope<'a> {
    pub(super) parent: Option<&'a Scope<'a>>,
    pub(super) key: &'a str,
    pub(super) place: Place,
    /// An element of the list under the key.
    pub(super) is_element: bool,
}

impl Scope<'_> {
    /// The file itself.
    pub(super) fn of_file(place: Place) -> Self {
        Self { parent: None, key: "", place, is_element: false }
    }

    /// The section that the scope lies in, and the named table of it.
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

    /// Depth below the file: 0 for the file itself, 1 for `[dataset]`, 2 for `[pretrain.main]`.
    pub(super) fn depth(&self) -> usize {
        self.parent.map_or(0, |parent| parent.depth() + 1)
    }

    /// The table in words: `[pretrain.main]`, `sgd`.
    pub(super) fn table(&self) -> String {
        match (self.depth(), self.parent) {
            (0, _) => "the file".to_owned(),
            (1, _) => format!("`[{}]`", self.key),
            (2, Some(parent)) => format!("`[{}.{}]`", parent.key, self.key),
            _ => format!("`{}`", self.key),
        }
    }
}
