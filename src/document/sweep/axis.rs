//! What a sweep runs along: a key with its values, or several keys whose values go together.

use crate::document::node::{Node, Step};
use crate::document::setting::{Override, Segment};
use crate::document::source::Place;

/// A swept key with its values.
#[derive(Clone, Debug)]
pub(in crate::document) struct SweptKey {
    pub(crate) path: Vec<Segment>,
    pub(in crate::document) values: Vec<Node>,
    /// Where the list of values is written.
    pub(crate) place: Place,
}

impl SweptKey {
    /// The path of the key, through lists by number.
    pub(in crate::document) fn steps(&self) -> Vec<Step> {
        let step = |name: &str| name.parse().map_or(Step::Key(name.to_owned()), Step::Index);
        self.names().map(step).collect()
    }

    /// The names of the path.
    pub(in crate::document) fn names(&self) -> impl Iterator<Item = &str> {
        self.path.iter().map(|segment| segment.name.as_str())
    }

    /// The dotted path.
    pub(in crate::document) fn name(&self) -> String {
        self.names().collect::<Vec<_>>().join(".")
    }
}

/// One dimension of a sweep: keys, one or more, that take their k-th values together.
#[derive(Clone, Debug)]
pub(in crate::document) struct Axis {
    /// At least one key; all have equally many values, at least one.
    pub(in crate::document) keys: Vec<SweptKey>,
    /// Whether it is written as a group.
    pub(in crate::document) is_group: bool,
}

impl Axis {
    /// How many values each key has.
    pub(crate) fn steps(&self) -> usize {
        self.keys.first().map_or(1, |key| key.values.len())
    }

    /// The value of each key at a step.
    pub(crate) fn values_at(&self, step: usize) -> impl Iterator<Item = (&SweptKey, &Node)> {
        self.keys.iter().filter_map(move |key| Some((key, key.values.get(step)?)))
    }

    /// The axis without the keys that a setting replaces; none where no key is left.
    pub(crate) fn without(mut self, overrides: &[Override]) -> Option<Self> {
        self.keys.retain(|key| !overrides.iter().any(|setting| setting.covers(&key.path)));
        (!self.keys.is_empty()).then_some(self)
    }
}
