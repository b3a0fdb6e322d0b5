//! Weights of the classes in the loss of a classifier.

use crate::study::{DataCheck, DataFacts};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Weights of the classes in the loss, as `CrossEntropyLoss(weight=...)` of PyTorch has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// A rule.
    Rule(WeightRule),
    /// Weights by the name of the class; those of other classes are 1.
    ByName(BTreeMap<String, f64>),
}

/// A rule for the weights of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// n / (k n_c) for n labeled images of k classes, of which n_c are of class c, as in scikit-learn: every class has the
    /// same total weight.
    Balanced,
}

impl ClassWeights {
    /// Returns the weight of each class; `labels` are those of the labeled images.
    pub(in crate::stages) fn of(&self, classes: &[String], labels: &[usize]) -> Vec<f64> {
        match self {
            Self::Rule(WeightRule::Balanced) => {
                let mut counts = vec![0_usize; classes.len()];
                labels.iter().for_each(|label| counts[*label] += 1);
                let per_class = labels.len() as f64 / classes.len() as f64;
                counts.into_iter().map(|count| per_class / count.max(1) as f64).collect()
            }
            Self::ByName(weights) => classes.iter().map(|class| weights.get(class).copied().unwrap_or(1.0)).collect(),
        }
    }

    /// Reports names that are not classes of the data set.
    pub(in crate::stages) fn check(&self, facts: &DataFacts, check: &mut DataCheck<'_>) {
        let Self::ByName(weights) = self else { return };
        for name in weights.keys().filter(|name| !facts.classes.iter().any(|class| class.name == **name)) {
            /// Maximum number of classes in the help.
            const MAX_LISTED: usize = 10;
            let listed: Vec<String> =
                facts.classes.iter().take(MAX_LISTED).map(|class| format!("`{}`", class.name)).collect();
            let more = if facts.classes.len() > MAX_LISTED { ", ..." } else { "" };
            let help = format!("the classes are {}{more}", listed.join(", "));
            check.report(&["class_weights", name], format!("`{name}` is not a class of the data set"), help);
        }
    }
}

impl JsonSchema for ClassWeights {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClassWeights".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "enum": ["balanced"] },
                {
                    "type": "object",
                    "additionalProperties": { "type": "number", "exclusiveMinimum": 0 },
                },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_give_every_class_the_same_total() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        let weights = ClassWeights::Rule(WeightRule::Balanced).of(&classes, &[0, 0, 0, 1, 1, 2]);
        assert_eq!(weights, [2.0 / 3.0, 1.0, 2.0]);
        let by_name = ClassWeights::ByName([("b".to_owned(), 2.5)].into());
        assert_eq!(by_name.of(&classes, &[0, 1]), [1.0, 2.5, 1.0]);
    }
}
