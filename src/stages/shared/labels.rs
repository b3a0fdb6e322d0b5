//! How many training images have labels, how their images are sampled, and the images used for selection.

use crate::base::human;
use crate::dataset::{DatasetConfig, Split};
use crate::stages::shared::evaluation::percent;
use crate::study::{Check, DataCheck, DataFacts, labeled_count};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

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

/// One number of labeled images per class, or several: a number or a list of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Counts {
    /// A number.
    One(usize),
    /// A list.
    Several(Vec<usize>),
}

impl Counts {
    /// Returns the numbers in the order written.
    pub fn as_slice(&self) -> &[usize] {
        match self {
            Self::One(count) => std::slice::from_ref(count),
            Self::Several(counts) => counts,
        }
    }
}

impl JsonSchema for Counts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Counts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-each": true,
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 1 } },
            ]
        })
    }
}

/// How many of the training images have labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LabelAmount {
    /// A fraction of each class.
    Fraction(f64),
    /// The same number of images of each class.
    PerClass(usize),
}

impl LabelAmount {
    /// Returns the amounts that a table asks for: numbers per class if there are any, else fractions.
    pub(in crate::stages) fn all(fractions: &Fractions, counts: Option<&Counts>) -> Vec<Self> {
        match counts {
            Some(counts) => counts.as_slice().iter().copied().map(Self::PerClass).collect(),
            None => fractions.as_slice().iter().copied().map(Self::Fraction).collect(),
        }
    }

    /// Returns the number of labeled images.
    pub(in crate::stages) fn count(self, facts: &DataFacts) -> usize {
        match self {
            Self::Fraction(fraction) => labeled_count(fraction, facts.train()),
            Self::PerClass(count) => count * facts.classes.len(),
        }
    }

    /// Returns the fraction of the training images that has labels.
    pub(in crate::stages) fn fraction(self, facts: &DataFacts) -> f64 {
        match self {
            Self::Fraction(fraction) => fraction,
            Self::PerClass(_) => self.count(facts) as f64 / facts.train().max(1) as f64,
        }
    }

    /// Returns the number of labeled images per class, if it is that.
    pub(in crate::stages) fn per_class(self) -> Option<usize> {
        match self {
            Self::Fraction(_) => None,
            Self::PerClass(count) => Some(count),
        }
    }

    /// Adds the amount to the parameters of a stage.
    pub(in crate::stages) fn describe(self, parameters: &mut Value) {
        match self {
            Self::Fraction(fraction) => parameters["labeled_fraction"] = fraction.into(),
            Self::PerClass(count) => parameters["labels_per_class"] = count.into(),
        }
    }
}

/// As in names of stages: `10 % labels`, `25 labels per class`.
impl fmt::Display for LabelAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(fraction) => write!(f, "{} % labels", percent(*fraction)),
            Self::PerClass(1) => f.write_str("1 label per class"),
            Self::PerClass(count) => write!(f, "{count} labels per class"),
        }
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

/// Reports amounts that are listed twice, and keys that cannot be combined.
pub(in crate::stages) fn check_amounts(
    fractions: &Fractions,
    counts: Option<&Counts>,
    sampling: LabelSampling,
    check: &mut Check<'_>,
) {
    check.each_once("labeled_fraction", fractions.as_slice(), |fraction| format!("the fraction {fraction}"));
    let Some(counts) = counts else { return };
    check.each_once("labels_per_class", counts.as_slice(), |count| format!("the number {count}"));
    check.no_effect(&["labeled_fraction"], "`labels_per_class`", "remove one of the two");
    if sampling == LabelSampling::WithReplacement {
        check.no_effect(
            &["label_draw"],
            "`labels_per_class`, whose images are sampled without replacement",
            "remove it",
        );
    }
}

/// Reports amounts that leave a class, or the training set, without labeled images, or that exceed a class.
pub(in crate::stages) fn check_labels(
    fractions: &Fractions,
    counts: Option<&Counts>,
    sampling: LabelSampling,
    facts: &DataFacts,
    check: &mut DataCheck<'_>,
) {
    let key = if counts.is_some() { "labels_per_class" } else { "labeled_fraction" };
    for (index, amount) in LabelAmount::all(fractions, counts).into_iter().enumerate() {
        let problem = match (amount, sampling) {
            (LabelAmount::PerClass(count), _) => too_many(count, facts),
            (LabelAmount::Fraction(fraction), LabelSampling::Stratified) => stratified(fraction, facts),
            (LabelAmount::Fraction(fraction), LabelSampling::WithReplacement) => {
                (amount.count(facts) == 0).then(|| {
                    let message = format!(
                        "the labeled fraction {fraction} of {} training images rounds to 0 images",
                        facts.train()
                    );
                    (message, "use a larger fraction".to_owned())
                })
            }
        };
        if let Some((message, help)) = problem {
            let element = check.element(key, index);
            let keys: Vec<&str> = element.iter().map(String::as_str).collect();
            check.report(&keys, message, help);
        }
    }
}

fn too_many(count: usize, facts: &DataFacts) -> Option<(String, String)> {
    let smallest = facts.classes.iter().min_by_key(|class| class.train)?;
    (count > smallest.train).then(|| {
        let (name, images) = (&smallest.name, human::count(smallest.train, "training image"));
        let help = format!("with these images it must be at most {}", smallest.train);
        (format!("{count} labels per class are more than the class `{name}` has: {images}"), help)
    })
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

/// Reports a stage that needs labels if its data set has none, and returns whether it has some. `dataset` is the name of
/// the data set.
pub(in crate::stages) fn check_labeled(dataset: &str, facts: &DataFacts, check: &mut DataCheck<'_>) -> bool {
    if facts.is_labeled() {
        return true;
    }
    let table = if dataset.is_empty() { "dataset".to_owned() } else { format!("dataset.{dataset}") };
    let message = format!("`[{}]` needs labels, but the images of `[{table}]` have none", check.title());
    let help = "remove the table, or let `dataset` name a data set with labels: a directory per class \
                (`image_folder`), the class in the file names (`filename_prefix`), or a table (`csv`)";
    check.report(&[], message, help.to_owned());
    false
}

/// Reports a stage that selects on the validation split of a data set that has none.
pub(in crate::stages) fn check_validation(
    select_on: Option<SelectOn>,
    dataset: &str,
    data: &DatasetConfig,
    check: &mut Check<'_>,
) {
    if select_on == Some(SelectOn::Validation) && data.validation_fraction == Some(0.0) {
        let message = format!("without validation images `[{}]` cannot select its best weights", check.title());
        let help = "set `validation_fraction` above 0, or `select_on = \"test\"` in the stage".to_owned();
        check.report_elsewhere(("dataset", dataset), &["validation_fraction"], message, help);
    }
}
