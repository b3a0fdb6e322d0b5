//! `[sweep]`: every combination of the listed values.

mod axis;
mod distinct;
mod section;

pub(super) use axis::{Axis, SweptKey};
pub(super) use section::{TOGETHER, take};

use crate::config::diagnostic::Problems;
use crate::config::node::Node;
use crate::config::setting::set;
use crate::config::source::Source;
use crate::config::written::inline;

/// Most combinations.
const MOST_VARIANTS: usize = 10_000;

/// How many combinations there are; none where there are too many.
fn variant_count(axes: &[Axis]) -> Option<usize> {
    axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.steps())).filter(|count| *count <= MOST_VARIANTS)
}

/// One value for each swept key.
#[derive(Clone, Debug)]
pub(super) struct Combination<'a> {
    values: Vec<(&'a SweptKey, &'a Node)>,
}

/// Every combination of the values, the first axis slowest; one empty combination where nothing is swept.
pub(super) fn combinations(axes: &[Axis]) -> impl Iterator<Item = Combination<'_>> {
    (0..variant_count(axes).unwrap_or(0)).map(|number| combination(axes, number))
}

/// The combination with this number in their order.
pub(super) fn combination(axes: &[Axis], number: usize) -> Combination<'_> {
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
    /// Puts the values into a tree.
    pub(super) fn apply(&self, root: &mut Node, problems: &mut Problems) {
        for (key, value) in &self.values {
            if let Err(problem) = set(root, &key.path, (*value).clone()) {
                problems.report(problem);
            }
        }
    }

    /// The values as (dotted path, TOML text).
    pub(super) fn settings(&self, sources: &[Source]) -> Vec<(String, String)> {
        self.values.iter().map(|(key, value)| (key.name(), inline(value, sources))).collect()
    }
}
