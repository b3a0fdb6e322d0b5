//! An axis of a sweep: a key with its values, or several keys whose values vary together.

use crate::document::node::{PathStep, TomlNode};
use crate::document::setting::{Override, Segment};
use crate::document::source::Span;

/// A swept key with its values.
#[derive(Clone, Debug)]
pub(crate) struct SweptKey {
    pub(crate) path: Vec<Segment>,
    pub(crate) values: Vec<TomlNode>,
    /// Where the list of values is written.
    pub(crate) span: Span,
}

impl SweptKey {
    /// Returns the path of the key, with list indices as numbers.
    pub(crate) fn steps(&self) -> Vec<PathStep> {
        let step = |name: &str| name.parse().map_or(PathStep::Key(name.to_owned()), PathStep::Index);
        self.names().map(step).collect()
    }

    /// Returns the names of the path.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.path.iter().map(|segment| segment.name.as_str())
    }

    /// Returns the dotted path.
    pub(crate) fn name(&self) -> String {
        self.names().collect::<Vec<_>>().join(".")
    }
}

/// One dimension of a sweep: one or more keys that take their k-th values together.
#[derive(Clone, Debug)]
/// At least one key; all have the same number of values, at least one.
/// Whether it is written as a group, `[[sweep.together]]`.
pub(crate) struct Axis {
    pub(crate) keys: Vec<SweptKey>,
    pub(crate) is_group: bool,
}

impl Axis {
    /// Returns the number of values of each key.
    pub(crate) fn steps(&self) -> usize {
        self.keys.first().map_or(1, |key| key.values.len())
    }

    /// Returns the value of each key at a step.
    pub(crate) fn values_at(&self, step: usize) -> impl Iterator<Item = (&SweptKey, &TomlNode)> {
        self.keys.iter().filter_map(move |key| Some((key, key.values.get(step)?)))
    }

    /// Returns the axis without the keys that a setting replaces; none if no key is left.
    pub(crate) fn without(mut self, overrides: &[Override]) -> Option<Self> {
        self.keys.retain(|key| !overrides.iter().any(|setting| setting.covers(&key.path)));
        (!self.keys.is_empty()).then_some(self)
    }
}
