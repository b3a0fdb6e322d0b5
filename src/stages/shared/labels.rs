//! Labeled fractions of the training set, how their images are sampled, and the images used for selection.

use crate::dataset::Split;
use crate::study::{Check, DataCheck, DataFacts, labeled_count};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One labeled fraction of the training set, or several: a number or a list of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fractions {
    /// A number.
    One(f64),
    /// A list.
    Several(Vec<f64>),
}

impl Default for Fractions {
    fn default() -> Self {
        Self::One(1.0)
    }
}

impl Fractions {
    /// Returns the fractions in the order written.
    pub fn as_slice(&self) -> &[f64] {
        match self {
            Self::One(fraction) => std::slice::from_ref(fraction),
            Self::Several(fractions) => fractions,
        }
    }
}

impl JsonSchema for Fractions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fractions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-each": true,
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
                { "type": "array", "minItems": 1, "items": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 } },
            ]
        })
    }
}

/// How labeled images are sampled from the training set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelSampling {
    /// The same fraction of each class, without replacement; a smaller fraction is a subset of a larger one.
    #[default]
    Stratified,
    /// Uniformly from all images, with replacement, as in the W&B report.
    WithReplacement,
}

/// Images on which weights or `c` are selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectOn {
    /// The validation split.
    #[default]
    Validation,
    /// The test set, as in the W&B report; the test accuracy is then optimistic.
    Test,
}

impl SelectOn {
    /// Returns the images of a split.
    pub fn images(self, split: &Split) -> &[usize] {
        match self {
            Self::Validation => &split.validation,
            Self::Test => &split.test,
        }
    }
}

/// Reports a fraction that is listed twice.
pub(in crate::stages) fn check_fractions(fractions: &Fractions, check: &mut Check<'_>) {
    check.each_once("labeled_fraction", fractions.as_slice(), |fraction| format!("the fraction {fraction}"));
}

/// Reports fractions that leave a class, or the training set, without labeled images.
pub(in crate::stages) fn check_labels(
    fractions: &Fractions,
    sampling: LabelSampling,
    facts: &DataFacts,
    check: &mut DataCheck<'_>,
) {
    for (index, fraction) in fractions.as_slice().iter().enumerate() {
        let problem = match sampling {
            LabelSampling::Stratified => stratified(*fraction, facts),
            LabelSampling::WithReplacement => (labeled_count(*fraction, facts.train()) == 0).then(|| {
                let message =
                    format!("the labeled fraction {fraction} of {} training images rounds to 0 images", facts.train());
                (message, "use a larger fraction".to_owned())
            }),
        };
        if let Some((message, help)) = problem {
            let element = check.element("labeled_fraction", index);
            let keys: Vec<&str> = element.iter().map(String::as_str).collect();
            check.report(&keys, message, help);
        }
    }
}

fn stratified(fraction: f64, facts: &DataFacts) -> Option<(String, String)> {
    let class = facts.classes.iter().find(|class| labeled_count(fraction, class.train) == 0)?;
    let message = format!(
        "the labeled fraction {fraction} leaves the class `{}` without labeled images: it has {} training images",
        class.name, class.train
    );
    let smallest = facts.classes.iter().map(|class| class.train).min().unwrap_or(0);
    let help = match smallest {
        0 => "give every class images".to_owned(),
        // The first fraction that rounds up to one image.
        smallest => format!("with these images it must be at least {}", 0.5 / smallest as f64),
    };
    Some((message, help))
}

/// Reports a stage that selects on images that its data set does not have. `dataset` is the name of the data set.
pub(in crate::stages) fn check_selection(
    select_on: Option<SelectOn>,
    dataset: &str,
    facts: &DataFacts,
    check: &mut DataCheck<'_>,
) {
    let message = |stage: &str, part| format!("`[{stage}]` selects on {part} images, but there are none");
    let stage = check.title();
    match select_on {
        Some(SelectOn::Validation) if facts.validation() == 0 => {
            let help = "set a larger `validation_fraction`, or `select_on = \"test\"` in the stage".to_owned();
            let message = message(&stage, "validation");
            check.report_elsewhere(("dataset", dataset), &["validation_fraction"], message, help);
        }
        Some(SelectOn::Test) if facts.test() == 0 => {
            check.report(&["select_on"], message(&stage, "test"), "give the data set test images".to_owned());
        }
        _ => {}
    }
}

/// Reports a stage that selects on the validation split of a data set that has none.
pub(in crate::stages) fn check_validation(
    select_on: Option<SelectOn>,
    dataset: &str,
    validation_fraction: f64,
    check: &mut Check<'_>,
) {
    if select_on == Some(SelectOn::Validation) && validation_fraction == 0.0 {
        let message = format!("without validation images `[{}]` cannot select its best weights", check.title());
        let help = "set `validation_fraction` above 0, or `select_on = \"test\"` in the stage".to_owned();
        check.report_elsewhere(("dataset", dataset), &["validation_fraction"], message, help);
    }
}
