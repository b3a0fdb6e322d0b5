//! What differs between two runs: in what was asked, and in what came out.

use crate::analysis::{Difference, Outcomes, Pairing, difference, holm};
use crate::engine::KeyDocument;
use crate::engine::difference::{Change, Fields};
use crate::runs::{RunRecord, StageRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// The kind of stage whose settings repeat those of the stages that it shows.
const REPORT: &str = "report";

/// Two runs, stage by stage.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Stages of both runs, in the order of the second.
    pub stages: Vec<StageComparison>,
    /// Stages of the first run alone.
    pub only_first: Vec<String>,
    /// Stages of the second run alone.
    pub only_second: Vec<String>,
}

/// A stage of two runs.
#[derive(Clone, Debug, Serialize)]
pub struct StageComparison {
    /// Its name in the second run.
    pub name: String,
    /// Its name in the first, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Whether both have the same artifact.
    pub same: bool,
    /// Settings that differ; those of its inputs are told with them.
    pub changes: Vec<Change>,
    /// Its numbers.
    pub metrics: Vec<MetricComparison>,
}

/// A number of a stage in two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricComparison {
    /// Its name: `accuracy`.
    pub metric: String,
    /// Its value in the first run.
    pub first: Option<f64>,
    /// Its value in the second run.
    pub second: Option<f64>,
    /// Second less first.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, where both values come with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// p-value of the difference, where the predictions of both are known: McNemar's exact test on the same test images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// The p-value corrected for how many differences of accuracies the two runs have (Holm).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted_p_value: Option<f64>,
    /// Whether both are on the same test images, so that they were compared image by image.
    pub is_paired: bool,
}

/// What an evaluation got right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Which test images: the same for the same images in the same order.
    pub test_set: String,
    /// For each test image whether it was classified correctly.
    pub right: Vec<bool>,
}

/// Compares two runs; `tested` gives what an evaluation's artifact got right, where that still exists.
///
/// Stages are the same if they have the same name; of what is left, if there is one in each run with
/// the same name up to the brackets: `linear_eval.main[depth 0, 10 % labels]` and `linear_eval.main[depth 1]`.
pub fn compare(first: &RunRecord, second: &RunRecord, tested: &dyn Fn(&StageRecord) -> Option<Tested>) -> Comparison {
    let pairs = pair(&first.stages, &second.stages);
    let names = |stages: &[StageRecord], is_paired: &dyn Fn(&StageRecord) -> bool| {
        stages.iter().filter(|stage| !is_paired(stage)).map(|stage| stage.name.clone()).collect()
    };
    let only_first = names(&first.stages, &|stage| pairs.iter().any(|(first, _)| first.name == stage.name));
    let only_second = names(&second.stages, &|stage| pairs.iter().any(|(_, second)| second.name == stage.name));
    let mut stages: Vec<StageComparison> =
        pairs.into_iter().map(|(first, second)| compare_stage(first, second, tested)).collect();
    adjust(&mut stages);
    Comparison { stages, only_first, only_second }
}

fn pair<'a>(first: &'a [StageRecord], second: &'a [StageRecord]) -> Vec<(&'a StageRecord, &'a StageRecord)> {
    let named = |stages: &'a [StageRecord], name: &str| stages.iter().find(|stage| stage.name == name);
    let left_of_first: Vec<_> = first.iter().filter(|stage| named(second, &stage.name).is_none()).collect();
    let left_of_second: Vec<_> = second.iter().filter(|stage| named(first, &stage.name).is_none()).collect();
    let partner = |stage: &'a StageRecord| {
        named(first, &stage.name).or_else(|| {
            only_with_stem(&left_of_second, stage)?;
            only_with_stem(&left_of_first, stage)
        })
    };
    second.iter().filter_map(|stage| Some((partner(stage)?, stage))).collect()
}

/// The stage whose kind and name up to the brackets are those of another one, if there is one only.
fn only_with_stem<'a>(stages: &[&'a StageRecord], like: &StageRecord) -> Option<&'a StageRecord> {
    let stem = |stage: &StageRecord| stage.name.split(['[', '(']).next().unwrap_or_default().trim_end().to_owned();
    let mut alike = stages.iter().filter(|stage| stage.kind == like.kind && stem(stage) == stem(like));
    let only = alike.next().copied();
    if alike.next().is_none() { only } else { None }
}

/// Corrects the p-values for how many of them there are.
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
    tested: &dyn Fn(&StageRecord) -> Option<Tested>,
) -> StageComparison {
    let mut metrics = compare_metrics(&first.metrics, &second.metrics);
    let accuracy = metrics.iter_mut().find(|metric| metric.metric == ACCURACY && metric.interval.is_some());
    if let Some(accuracy) = accuracy
        && first.key != second.key
        && let Some(found) = tested(first).zip(tested(second)).and_then(|(first, second)| of_images(&first, &second))
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

/// The second accuracy less the first, image by image where the test images are the same.
fn of_images(first: &Tested, second: &Tested) -> Option<Difference> {
    // Whatever their seeds, it is these two networks that are compared.
    let outcomes = |tested| Outcomes::new(vec![(0, tested)]);
    let (a, b) = (outcomes(first.right.as_slice())?, outcomes(second.right.as_slice())?);
    Some(difference(&b, &a, first.test_set == second.test_set))
}

fn changes(first: &StageRecord, second: &StageRecord) -> Vec<Change> {
    if second.kind == REPORT {
        return Vec::new();
    }
    // Older records do not say.
    let has_versions = first.version > 0 && second.version > 0;
    let fields = |stage: &StageRecord| {
        let version = if has_versions { stage.version } else { 0 };
        let (kind, parameters) = (stage.kind.clone(), stage.parameters.clone());
        Fields::of(&KeyDocument { store: 0, kind, version, parameters, inputs: BTreeMap::new() })
    };
    fields(second).changes(&fields(first))
}

/// The metric that is compared image by image.
const ACCURACY: &str = "accuracy";

/// Endings of the bounds of a metric's 95 % interval: `accuracy_low`, `accuracy_high`.
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

/// A value with the bounds of its interval.
#[derive(Clone, Copy)]
struct Interval {
    value: f64,
    low: f64,
    high: f64,
}

fn interval(metrics: &BTreeMap<String, f64>, name: &str) -> Option<Interval> {
    let bound = |ending: &str| metrics.get(&format!("{name}{ending}")).copied();
    Some(Interval { value: *metrics.get(name)?, low: bound(LOW)?, high: bound(HIGH)? })
}

/// Newcombe's interval of the difference of two proportions, from their Wilson intervals (1998, method 10), for
/// evaluations whose predictions no longer exist. It takes the two test sets for independent.
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
    fn stages_pair_by_name_then_by_stem_where_that_is_unique() {
        let same = || json!({ "a": 1 });
        let first =
            [stage("split", same()), stage("e.x[depth 0]", same()), stage("e.y[1]", same()), stage("e.y[2]", same())];
        let second = [stage("e.x[depth 1]", json!({ "a": 2 })), stage("e.y[3]", same()), stage("split", same())];
        let pairs = pair(&first, &second);
        let names: Vec<_> = pairs.iter().map(|(a, b)| (a.name.as_str(), b.name.as_str())).collect();
        assert_eq!(names, [("e.x[depth 0]", "e.x[depth 1]"), ("split", "split")]);
        let compared = compare_stage(pairs[0].0, pairs[0].1, &|_| None);
        assert_eq!(compared.changes[0].to_string(), "a 1 -> 2");
        assert_eq!((compared.same, compared.first_name.as_deref()), (false, Some("e.x[depth 0]")));
    }

    #[test]
    fn bounds_of_an_interval_are_no_metrics_of_their_own() {
        let metrics = |accuracy: f64, low: f64, high: f64| {
            BTreeMap::from([
                ("accuracy".into(), accuracy),
                ("accuracy_low".into(), low),
                ("accuracy_high".into(), high),
            ])
        };
        // Newcombe 1998, table II, case (a): 56/70 less 48/80 is 0.2 with 0.0524 to 0.3339.
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
        let right = |correct: usize| Tested { test_set: "t".into(), right: (0..250).map(|i| i < correct).collect() };
        let tested = |stage: &StageRecord| Some(right((stage.metrics["accuracy"] * 250.0).round() as usize));
        let mut compared = [compare_stage(&first, &second, &tested)];
        adjust(&mut compared);
        let [accuracy] = compared[0].metrics.as_slice() else { panic!("{compared:?}") };
        assert!(accuracy.is_paired && accuracy.interval.unwrap().0 > 0.05, "{accuracy:?}");
        assert!(accuracy.p_value.unwrap() < 1e-6 && accuracy.adjusted_p_value == accuracy.p_value, "{accuracy:?}");
        let unpaired = compare_stage(&first, &second, &|_| None);
        assert!(!unpaired.metrics[0].is_paired && unpaired.metrics[0].interval.unwrap().0 < 0.05);
        let other = |stage: &StageRecord| Some(Tested { test_set: stage.key.clone(), ..tested(stage)? });
        let elsewhere = compare_stage(&first, &second, &other);
        assert!(!elsewhere.metrics[0].is_paired && elsewhere.metrics[0].p_value.unwrap() > 0.01);
    }
}
