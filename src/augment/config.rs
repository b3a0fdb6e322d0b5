//! Augmentation policies of a pipeline file.

use crate::augment::{OperatorConfig, OperatorProblem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An augmentation policy: a list of operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Operators in the order they are applied.
    pub ops: Vec<OperatorConfig>,
    /// How often random parameters are sampled.
    #[serde(default)]
    pub draw: SamplingScope,
}

impl PolicyConfig {
    /// Returns problems of the policy beyond single values, each with the index of its operator.
    pub fn problems(&self) -> Vec<(usize, OperatorProblem)> {
        let of_operator = |(index, operator): (usize, &OperatorConfig)| {
            let problems = operator.operator().problem().into_iter().chain(self.range_problem(index, operator));
            problems.map(move |problem| (index, problem)).collect::<Vec<_>>()
        };
        self.ops.iter().enumerate().flat_map(of_operator).collect()
    }

    /// Returns the problem of an operator that needs values in [0, 1] after one that does not keep them there.
    fn range_problem(&self, index: usize, operator: &OperatorConfig) -> Option<OperatorProblem> {
        if !operator.operator().needs_unit_range() {
            return None;
        }
        let before = self.ops[..index].iter().find(|before| !before.operator().keeps_unit_range())?;
        let (name, before) = (operator.name(), before.name());
        let message = format!("`{name}` needs values between 0 and 1: put `{before}` after it");
        Some(OperatorProblem { keys: &[], message })
    }

    /// Whether any of its operators is random.
    pub(crate) fn is_random(&self) -> bool {
        self.ops.iter().any(|operator| operator.operator().probability().is_some())
    }

    /// Whether any of its operators crops a random region.
    pub(crate) fn crops_at_random(&self) -> bool {
        self.ops.iter().any(|operator| operator.operator().crops_at_random())
    }
}

/// How often the random parameters of a policy are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SamplingScope {
    /// For every image and view separately.
    #[default]
    View,
    /// Once per batch and view, for all images of the batch, as in the W&B report.
    Batch,
}
