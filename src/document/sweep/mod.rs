//! `[sweep]`: all combinations of the listed values.

mod axis;
mod distinct;
mod section;

pub(crate) use axis::{Axis, SweptKey};
pub(crate) use section::{TOGETHER, take};

use crate::document::diagnostic::Problems;
use crate::document::node::TomlNode;
use crate::document::setting::set;
use crate::document::source::SourceText;
use crate::document::written::inline;
use serde_json::Value as Schema;

/// Maximum number of combinations.
const MAX_VARIANTS: usize = 10_000;

/// Returns the number of combinations; none if there are too many.
fn variant_count(axes: &[Axis]) -> Option<usize> {
    axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.steps())).filter(|count| *count <= MAX_VARIANTS)
}

/// One value for each swept key.
#[derive(Clone, Debug)]
pub(crate) struct Combination<'a> {
    values: Vec<(&'a SweptKey, &'a TomlNode)>,
}

/// Iterates over all combinations of the values, the first axis slowest; one empty combination if nothing is swept.
pub(crate) fn combinations(axes: &[Axis]) -> impl Iterator<Item = Combination<'_>> {
    (0..variant_count(axes).unwrap_or(0)).map(|number| combination(axes, number))
}

/// Returns the combination with this index.
pub(crate) fn combination(axes: &[Axis], number: usize) -> Combination<'_> {
    let mut rest = number;
    let mut steps = vec![0; axes.len()];
    for (step, axis) in steps.iter_mut().zip(axes).rev() {
        *step = rest % axis.steps();
        rest /= axis.steps();
    }
    let values = axes.iter().zip(steps).flat_map(|(axis, step)| axis.values_at(step));
    Combination { values: values.collect() }
}

impl Combination<'_> {
    /// Sets the values in a tree.
    pub(crate) fn apply(&self, root: &mut TomlNode, schema: &'static Schema, problems: &mut Problems) {
        for (key, value) in &self.values {
            if let Err(problem) = set(root, &key.path, (*value).clone(), schema) {
                problems.report(problem);
            }
        }
    }

    /// Returns the values as (dotted path, TOML text).
    pub(crate) fn settings(&self, sources: &[SourceText]) -> Vec<(String, String)> {
        self.values.iter().map(|(key, value)| (key.name(), inline(value, sources))).collect()
    }
}
