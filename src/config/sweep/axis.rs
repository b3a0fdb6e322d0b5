//! An axis of a sweep: a key with its values, or several keys whose values vary together.

use crate::config::node::{PathStep, TomlNode};
use crate::config::setting::{Override, Segment};
use crate::config::source::Span;

/// A swept key with its values.
#[derive(Clone, Debug)]
pub(in crate::config) struct SweptKey {
    pub(super) path: Vec<Segment>,
    pub(in crate::config) values: Vec<TomlNode>,
    /// Where the list of values is written.
    pub(super) span: Span,
}

impl SweptKey {
    /// Returns the path of the key, with list indices as numbers.
    pub(in crate::config) fn steps(&self) -> Vec<PathStep> {
        let step = |name: &str| name.parse().map_or(PathStep::Key(name.to_owned()), PathStep::Index);
        self.names().map(step).collect()
    }

    /// Returns the names of the path.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = &str> {
        self.path.iter().map(|segment| segment.name.as_str())
    }

    /// Returns the dotted path.
    pub(in crate::config) fn name(&self) -> String {
        self.names().collect::<Vec<_>>().join(".")
    }
}

/// One dimension of a sweep: one or more keys that take their k-th values together.
#[derive(Clone, Debug)]
pub(in crate::config) struct Axis {
    /// At least one key; all have the same number of values, at least one.
    pub(in crate::config) keys: Vec<SweptKey>,
    /// Whether it is written as a group, `[[sweep.together]]`.
    pub(in crate::config) is_group: bool,
}

impl Axis {
    /// Returns the number of values of each key.
    pub(super) fn steps(&self) -> usize {
        self.keys.first().map_or(1, |key| key.values.len())
    }

    /// Returns the value of each key at a step.
    pub(super) fn values_at(&self, step: usize) -> impl Iterator<Item = (&SweptKey, &TomlNode)> {
        self.keys.iter().filter_map(move |key| Some((key, key.values.get(step)?)))
    }

    /// Returns the axis without the keys that a setting replaces; none if no key is left.
    pub(super) fn without(mut self, overrides: &[Override]) -> Option<Self> {
        self.keys.retain(|key| !overrides.iter().any(|setting| setting.covers(&key.path)));
        (!self.keys.is_empty()).then_some(self)
    }
}
