//! Which stages of two runs are compared with each other: those that are the same thing, whatever their names.

use crate::base::{Error, Result};
use crate::runs::{RunRecord, StageRecord};

/// Kind of the stages that evaluations are identified by.
const PRETRAIN: &str = "pretrain";
/// Separator of the items in the brackets of a name.
const SEPARATOR: &str = ", ";

/// What a stage is.
struct Identity<'a> {
    stage: &'a StageRecord,
    /// Its name up to the brackets.
    stem: &'a str,
    /// The pretraining run that it depends on, without brackets, or else its own name.
    source: &'a str,
    /// Depth and labels.
    place: Vec<&'a str>,
    /// The other items in the brackets: swept settings.
    variant: Vec<&'a str>,
}

impl<'a> Identity<'a> {
    fn of(stage: &'a StageRecord, stages: &'a [StageRecord]) -> Self {
        let (stem, items) = parts(&stage.name);
        let (place, variant) = items.into_iter().partition(|item| is_place(item));
        let source = pretraining(stage, stages, 0).map_or(stem, |source| parts(&source.name).0);
        Self { stage, stem, source, place, variant }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.stage.kind == other.stage.kind && self.source == other.source && self.place == other.place
    }
}

/// Returns the name up to the brackets, and the items in them: `linear_eval.main[depth 0, 10 % labels, seed 2]`.
fn parts(name: &str) -> (&str, Vec<&str>) {
    match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((stem, items)) => (stem, items.split(SEPARATOR).collect()),
        None => (name, Vec::new()),
    }
}

/// Returns whether an item in the brackets of a name is a depth or an amount of labels rather than a swept setting.
pub(crate) fn is_place(item: &str) -> bool {
    item.starts_with("depth ") || item.ends_with(" labels") || item.ends_with("labels per class")
}

/// Returns the pretraining run that a stage depends on.
fn pretraining<'a>(stage: &'a StageRecord, stages: &'a [StageRecord], depth: usize) -> Option<&'a StageRecord> {
    if stage.kind == PRETRAIN {
        return Some(stage);
    }
    // A record that is not ours could have a cycle.
    let inputs = stage.inputs.values().filter(|_| depth < stages.len());
    let inputs = inputs.filter_map(|name| stages.iter().find(|stage| stage.name == *name));
    inputs.filter_map(|input| pretraining(input, stages, depth + 1)).next()
}

/// When two stages are the same thing, and whether one of a run may be compared with several of the other.
type Rule = (fn(&Identity<'_>, &Identity<'_>) -> bool, bool);

/// The rules, the closest match first. Results of a run without a sweep are compared with those of every variant of a
/// sweep. By the last rule, an evaluation at another depth is compared if each run has only one.
const RULES: [Rule; 5] = [
    (|a, b| a.stage.name == b.stage.name, false),
    (|a, b| a.is_like(b) && a.variant == b.variant, false),
    (|a, b| a.is_like(b) && a.stem == b.stem, true),
    (|a, b| a.is_like(b), true),
    (|a, b| a.stage.kind == b.stage.kind && a.stem == b.stem, false),
];

/// Returns the pairs of stages to compare, in the order of the second run.
pub(super) fn pairs<'a>(
    first: &'a [StageRecord],
    second: &'a [StageRecord],
) -> Vec<(&'a StageRecord, &'a StageRecord)> {
    let identities = |stages: &'a [StageRecord]| stages.iter().map(|stage| Identity::of(stage, stages)).collect();
    let (firsts, seconds): (Vec<Identity<'a>>, Vec<Identity<'a>>) = (identities(first), identities(second));
    let mut left: Vec<usize> = (0..firsts.len()).collect();
    let mut right: Vec<usize> = (0..seconds.len()).collect();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (is_same, takes_several) in RULES {
        let same_left =
            |b: usize| left.iter().copied().filter(|a| is_same(&firsts[*a], &seconds[b])).collect::<Vec<_>>();
        let same_right = |a: usize| right.iter().filter(|b| is_same(&firsts[a], &seconds[**b])).count();
        let mut found = Vec::new();
        for &b in &right {
            let candidates = same_left(b);
            let is_clear = match candidates.as_slice() {
                [] => false,
                [only] => takes_several || same_right(*only) == 1,
                several => takes_several && several.iter().all(|a| same_right(*a) == 1),
            };
            if is_clear {
                found.extend(candidates.into_iter().map(|a| (a, b)));
            }
        }
        left.retain(|a| !found.iter().any(|(first, _)| first == a));
        right.retain(|b| !found.iter().any(|(_, second)| second == b));
        pairs.extend(found);
    }
    pairs.sort_unstable_by_key(|(a, b)| (*b, *a));
    pairs.into_iter().map(|(a, b)| (firsts[a].stage, seconds[b].stage)).collect()
}

/// Returns the part of a run that has these swept settings, such as `temperature=0.1,seed=2`, with names that do not
/// mention them. What the sweep does not affect stays.
///
/// # Errors
/// No stage has one of the settings; the error lists those that exist.
pub(crate) fn variant(record: &RunRecord, settings: &str) -> Result<RunRecord> {
    let wanted: Vec<String> = settings.split(',').map(|item| item.trim().replacen('=', " ", 1)).collect();
    let variants = |stage: &'_ StageRecord| -> Vec<String> {
        let items = parts(&stage.name).1.into_iter();
        // A swept setting has a value, unlike the part of `images[train]`.
        items.filter(|item| !is_place(item) && item.contains(' ')).map(str::to_owned).collect()
    };
    let mut known: Vec<String> = record.stages.iter().flat_map(variants).collect();
    let mut seen = Vec::new();
    known.retain(|item| {
        !seen.contains(item) && {
            seen.push(item.clone());
            true
        }
    });
    if let Some(missing) = wanted.iter().find(|item| !known.contains(item)) {
        let error = Error::usage(format!("the run has no variant with `{missing}`"));
        return Err(if known.is_empty() { error.help("it has no sweep") } else { error.help(listed(&known)) });
    }
    // Another value of a wanted setting.
    let setting = |item: &str| item.rsplit_once(' ').map_or(item, |(name, _)| name).to_owned();
    let is_other = |item: &String| !wanted.contains(item) && wanted.iter().any(|one| setting(one) == setting(item));
    let mut part = record.clone();
    part.stages.retain(|stage| !variants(stage).iter().any(is_other));
    for stage in &mut part.stages {
        stage.name = without(&stage.name, &wanted);
        stage.inputs.values_mut().for_each(|name| *name = without(name, &wanted));
    }
    Ok(part)
}

fn listed(items: &[String]) -> String {
    /// Maximum number of settings that an error lists.
    const MAX_LISTED: usize = 12;
    let more = if items.len() > MAX_LISTED { ", ..." } else { "" };
    let shown = items.iter().take(MAX_LISTED).map(|item| item.replacen(' ', "=", 1)).collect::<Vec<_>>();
    format!("it has {}{more}", shown.join(SEPARATOR))
}

fn without(name: &str, items: &[String]) -> String {
    let (stem, all) = parts(name);
    let kept: Vec<&str> = all.into_iter().filter(|item| !items.iter().any(|other| other == item)).collect();
    if kept.is_empty() { stem.to_owned() } else { format!("{stem}[{}]", kept.join(SEPARATOR)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stage(name: &str, input: &str) -> StageRecord {
        let kind = parts(name).0.split('.').next();
        let inputs = if input.is_empty() { json!({}) } else { json!({ "input": input }) };
        let text = json!({ "name": name, "kind": kind, "key": name, "status": null, "seconds": 0.0, "summary": "",
                           "parameters": {}, "inputs": inputs });
        serde_json::from_value(text).unwrap()
    }

    fn names<'a>(first: &'a [StageRecord], second: &'a [StageRecord]) -> Vec<(&'a str, &'a str)> {
        pairs(first, second).into_iter().map(|(a, b)| (a.name.as_str(), b.name.as_str())).collect()
    }

    #[test]
    fn stages_pair_by_name_then_by_stem_where_that_is_unique() {
        let of = |names: &[&str]| names.iter().map(|name| stage(name, "")).collect::<Vec<_>>();
        let first = of(&["split", "e.x[depth 0]", "e.y[depth 1]", "e.y[depth 2]"]);
        let second = of(&["e.x[depth 1]", "e.y[depth 3]", "split"]);
        assert_eq!(names(&first, &second), [("e.x[depth 0]", "e.x[depth 1]"), ("split", "split")]);
    }

    #[test]
    fn results_of_one_run_are_compared_with_every_variant_of_a_sweep() {
        let plain = [stage("pretrain.main", ""), stage("knn_eval.a[depth 0, 100 % labels]", "pretrain.main")];
        let of = |value: &str| {
            let pretrain = format!("pretrain.main[temperature {value}]");
            [stage(&pretrain, ""), stage(&format!("knn_eval.b[depth 0, 100 % labels, temperature {value}]"), &pretrain)]
        };
        let sweep = [of("0.1"), of("0.5")].concat();
        let found = names(&plain, &sweep);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(
            found[1],
            ("knn_eval.a[depth 0, 100 % labels]", "knn_eval.b[depth 0, 100 % labels, temperature 0.1]")
        );
        assert_eq!(names(&sweep, &plain).len(), 4);
        let other_depth = [plain[0].clone(), stage("knn_eval.a[depth 1, 100 % labels]", "pretrain.main")];
        assert!(names(&other_depth, &sweep).iter().all(|(a, _)| *a == "pretrain.main"), "depths are not mixed");
    }

    #[test]
    fn variants_of_one_run_have_the_same_names() {
        let stages = [
            stage("split", ""),
            stage("pretrain.main[temperature 0.1, seed 1]", "split"),
            stage("pretrain.main[temperature 0.5, seed 1]", "split"),
            stage("knn_eval.a[depth 0, temperature 0.5, seed 1]", "pretrain.main[temperature 0.5, seed 1]"),
        ];
        let record: RunRecord = serde_json::from_value(json!({
            "study": "s", "status": "finished", "command": [], "overrides": [], "started": "", "seconds": 0.0,
            "computed": 0, "cached": 0, "versions": { "simclr": "0", "store": 1 },
            "hardware": {}, "stages": stages
        }))
        .unwrap();
        let names = |settings| -> Vec<String> {
            variant(&record, settings).unwrap().stages.into_iter().map(|stage| stage.name).collect()
        };
        assert_eq!(names("temperature=0.1"), ["split", "pretrain.main[seed 1]"]);
        assert_eq!(names("temperature 0.5, seed=1"), ["split", "pretrain.main", "knn_eval.a[depth 0]"]);
        let error = variant(&record, "temperature=2").unwrap_err();
        assert_eq!(error.next_step(), Some("it has temperature=0.1, seed=1, temperature=0.5"));
    }
}
