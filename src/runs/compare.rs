//! Comparison of two runs: differences in settings and in results.

use crate::analysis::{Difference, Outcomes, Pairing, difference, holm};
use crate::engine::KeyDocument;
use crate::engine::difference::{FieldChange, Fields};
use crate::runs::pairs::pairs;
use crate::runs::{RunRecord, StageRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// Kind of the stage whose settings repeat those of the stages it shows.
const REPORT: &str = "report";

/// Comparison of two runs, stage by stage.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunComparison {
    /// Stages in both runs, in the order of the second.
    pub stages: Vec<StageComparison>,
    /// Stages only in the first run.
    pub only_first: Vec<String>,
    /// Stages only in the second run.
    pub only_second: Vec<String>,
}

/// Comparison of a stage in two runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageComparison {
    /// Name in the second run.
    pub name: String,
    /// Name in the first run, if different.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Whether both runs have the same artifact.
    pub same: bool,
    /// Settings that differ, without those of its inputs.
    pub changes: Vec<FieldChange>,
    /// Metrics of both runs.
    pub metrics: Vec<MetricComparison>,
}

/// Comparison of a metric of a stage in two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MetricComparison {
    /// Name of the metric: `accuracy`.
    pub metric: String,
    /// Value in the first run.
    pub first: Option<f64>,
    /// Value in the second run.
    pub second: Option<f64>,
    /// Second minus first.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, if both values have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// p-value of the difference, if the predictions of both are available: McNemar's exact test on the same test
    /// images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// p-value with Holm correction for the number of compared accuracies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted_p_value: Option<f64>,
    /// Whether both use the same test images, so that they were compared image by image.
    pub is_paired: bool,
}

/// Test predictions of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestPredictions {
    /// Digest of the test images; equal for the same images in the same order.
    pub test_set: String,
    /// Whether each test image was classified correctly.
    pub correct: Vec<bool>,
}

/// Compares two runs. `predictions` returns the test predictions of an evaluation, if its artifact still exists.
/// [`pairs`] decides which stages are compared.
pub(crate) fn compare(
    first: &RunRecord,
    second: &RunRecord,
    predictions: &dyn Fn(&StageRecord) -> Option<TestPredictions>,
) -> RunComparison {
    let pairs = pairs(&first.stages, &second.stages);
    let names = |stages: &[StageRecord], is_paired: &dyn Fn(&StageRecord) -> bool| {
        stages.iter().filter(|stage| !is_paired(stage)).map(|stage| stage.name.clone()).collect()
    };
    let only_first = names(&first.stages, &|stage| pairs.iter().any(|(first, _)| first.name == stage.name));
    let only_second = names(&second.stages, &|stage| pairs.iter().any(|(_, second)| second.name == stage.name));
    let mut stages: Vec<StageComparison> =
        pairs.into_iter().map(|(first, second)| compare_stage(first, second, predictions)).collect();
    adjust(&mut stages);
    RunComparison { stages, only_first, only_second }
}

/// Applies the Holm correction to all p-values.
fn adjust(stages: &mut [StageComparison]) {
    let metrics = || stages.iter().filter(|stage| !stage.same).flat_map(|stage| &stage.metrics);
    let mut adjusted = holm(&metrics().filter_map(|metric| metric.p_value).collect::<Vec<_>>()).into_iter();
    let changed = stages.iter_mut().filter(|stage| !stage.same).flat_map(|stage| &mut stage.metrics);
    for metric in changed.filter(|metric| metric.p_value.is_some()) {
        metric.adjusted_p_value = adjusted.next();
    }
}

fn compare_stage(
    first: &StageRecord,
    second: &StageRecord,
    predictions: &dyn Fn(&StageRecord) -> Option<TestPredictions>,
) -> StageComparison {
    let mut metrics = compare_metrics(&first.metrics, &second.metrics);
    let accuracy = metrics.iter_mut().find(|metric| metric.metric == ACCURACY && metric.interval.is_some());
    if let Some(accuracy) = accuracy
        && first.key != second.key
        && let Some(found) =
            predictions(first).zip(predictions(second)).and_then(|(first, second)| paired_difference(&first, &second))
    {
        accuracy.interval = Some(found.interval);
        accuracy.p_value = Some(found.p_value);
        accuracy.is_paired = found.pairing != Pairing::Unpaired;
    }
    StageComparison {
        name: second.name.clone(),
        first_name: (first.name != second.name).then(|| first.name.clone()),
        same: first.key == second.key,
        changes: changes(first, second),
        metrics,
    }
}

/// Returns the difference of the accuracies, second minus first, image by image if the test images are the same.
fn paired_difference(first: &TestPredictions, second: &TestPredictions) -> Option<Difference> {
    // Two individual networks are compared, so their seeds do not matter.
    let outcomes = |predictions| Outcomes::new(vec![(0, predictions)]);
    let (a, b) = (outcomes(first.correct.as_slice())?, outcomes(second.correct.as_slice())?);
    Some(difference(&b, &a, first.test_set == second.test_set))
}

fn changes(first: &StageRecord, second: &StageRecord) -> Vec<FieldChange> {
    if second.kind == REPORT {
        return Vec::new();
    }
    // Older records do not have the version.
    let has_versions = first.version > 0 && second.version > 0;
    let fields = |stage: &StageRecord| {
        let version = if has_versions { stage.version } else { 0 };
        let (kind, parameters) = (stage.kind.clone(), stage.parameters.clone());
        Fields::of(&KeyDocument { store: 0, kind, version, parameters, inputs: BTreeMap::new() })
    };
    fields(second).changes(&fields(first))
}

/// Metric that is compared image by image.
const ACCURACY: &str = "accuracy";

/// Suffixes of the bounds of a metric's 95 % interval: `accuracy_low`, `accuracy_high`.
const LOW: &str = "_low";
const HIGH: &str = "_high";

fn compare_metrics(first: &BTreeMap<String, f64>, second: &BTreeMap<String, f64>) -> Vec<MetricComparison> {
    let is_bound = |name: &str| {
        let stem = name.strip_suffix(LOW).or_else(|| name.strip_suffix(HIGH));
        stem.is_some_and(|stem| first.contains_key(stem) || second.contains_key(stem))
    };
    let names = first.keys().chain(second.keys().filter(|name| !first.contains_key(*name)));
    let mut metrics: Vec<MetricComparison> = names
        .filter(|name| !is_bound(name))
        .map(|name| {
            let (a, b) = (first.get(name).copied(), second.get(name).copied());
            let difference = a.zip(b).map(|(a, b)| b - a);
            let interval = interval(first, name).zip(interval(second, name));
            let interval = interval.map(|(first, second)| interval_of_difference(first, second));
            MetricComparison {
                metric: name.clone(),
                first: a,
                second: b,
                difference,
                interval,
                p_value: None,
                adjusted_p_value: None,
                is_paired: false,
            }
        })
        .collect();
    metrics.sort_by(|a, b| a.metric.cmp(&b.metric));
    metrics
}

/// Value with the bounds of its interval.
#[derive(Clone, Copy)]
struct Interval {
    value: f64,
    low: f64,
    high: f64,
}

fn interval(metrics: &BTreeMap<String, f64>, name: &str) -> Option<Interval> {
    let bound = |suffix: &str| metrics.get(&format!("{name}{suffix}")).copied();
    Some(Interval { value: *metrics.get(name)?, low: bound(LOW)?, high: bound(HIGH)? })
}

/// Returns Newcombe's interval of the difference of two proportions from their Wilson intervals (1998, method 10), for
/// evaluations whose predictions no longer exist. It assumes independent test sets.
fn interval_of_difference(first: Interval, second: Interval) -> (f64, f64) {
    let difference = second.value - first.value;
    let below = (second.value - second.low).hypot(first.high - first.value);
    let above = (second.high - second.value).hypot(first.value - first.low);
    (difference - below, difference + above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stage(name: &str, parameters: serde_json::Value) -> StageRecord {
        let text = json!({ "name": name, "kind": name.split('.').next(), "key": parameters.to_string(), "status": null,
                           "seconds": 0.0, "summary": "", "parameters": parameters, "inputs": {} });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn stages_with_other_names_are_compared_in_their_settings() {
        let stages = [stage("e.x[depth 0]", json!({ "a": 1 })), stage("e.x[depth 1]", json!({ "a": 2 }))];
        let compared = compare_stage(&stages[0], &stages[1], &|_| None);
        assert_eq!(compared.changes[0].to_string(), "a 1 -> 2");
        assert_eq!((compared.same, compared.first_name.as_deref()), (false, Some("e.x[depth 0]")));
    }

    #[test]
    fn bounds_of_an_interval_are_not_metrics_of_their_own() {
        let metrics = |accuracy: f64, low: f64, high: f64| {
            BTreeMap::from([
                ("accuracy".into(), accuracy),
                ("accuracy_low".into(), low),
                ("accuracy_high".into(), high),
            ])
        };
        // Newcombe 1998, table II, case (a): 56/70 minus 48/80 is 0.2 with 0.0524 to 0.3339.
        let counted = |correct: usize, total: usize| {
            let (low, high) = crate::analysis::wilson_interval(correct, total);
            metrics(correct as f64 / total as f64, low, high)
        };
        let compared = compare_metrics(&counted(48, 80), &counted(56, 70));
        let [only] = compared.as_slice() else { panic!("{compared:?}") };
        let (low, high) = only.interval.unwrap();
        assert!((low - 0.0524).abs() < 2e-4 && (high - 0.3339).abs() < 2e-4, "{low} {high}");
        assert!((only.difference.unwrap() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_metric_of_one_run_has_no_difference() {
        let compared = compare_metrics(&BTreeMap::from([("loss".into(), 1.0)]), &BTreeMap::new());
        assert_eq!((compared[0].first, compared[0].second, compared[0].difference), (Some(1.0), None, None));
    }

    #[test]
    fn accuracies_on_the_same_images_are_compared_image_by_image() {
        let of = |key: &str, correct: usize| {
            let (low, high) = crate::analysis::wilson_interval(correct, 250);
            let accuracy = correct as f64 / 250.0;
            let mut stage = stage("knn_eval.k[depth 0]", json!({ "a": key }));
            stage.metrics = BTreeMap::from([
                ("accuracy".into(), accuracy),
                ("accuracy_low".into(), low),
                ("accuracy_high".into(), high),
            ]);
            stage
        };
        let (first, second) = (of("1", 120), of("2", 143));
        let first_correct =
            |correct: usize| TestPredictions { test_set: "t".into(), correct: (0..250).map(|i| i < correct).collect() };
        let predictions_of =
            |stage: &StageRecord| Some(first_correct((stage.metrics["accuracy"] * 250.0).round() as usize));
        let mut compared = [compare_stage(&first, &second, &predictions_of)];
        adjust(&mut compared);
        let [accuracy] = compared[0].metrics.as_slice() else { panic!("{compared:?}") };
        assert!(accuracy.is_paired && accuracy.interval.unwrap().0 > 0.05, "{accuracy:?}");
        assert!(accuracy.p_value.unwrap() < 1e-6 && accuracy.adjusted_p_value == accuracy.p_value, "{accuracy:?}");
        let unpaired = compare_stage(&first, &second, &|_| None);
        assert!(!unpaired.metrics[0].is_paired && unpaired.metrics[0].interval.unwrap().0 < 0.05);
        let other_test_set =
            |stage: &StageRecord| Some(TestPredictions { test_set: stage.key.clone(), ..predictions_of(stage)? });
        let unpaired = compare_stage(&first, &second, &other_test_set);
        assert!(!unpaired.metrics[0].is_paired && unpaired.metrics[0].p_value.unwrap() > 0.01);
    }
}
