//! Several reports as one, in which the run is a swept setting.
//!
//! What is equal in all runs, such as the results of a baseline that they share, appears once and without a run.

use crate::render::data::{EvaluationResult, Report, Reproduce, StageRow};
use crate::render::stage_table::{Cell, CellFormat, StageColumn, StageTable};
use crate::render::words::{self, join_and};
use serde::Serialize;
use std::collections::HashSet;

/// Name of the setting.
const RUN: &str = "run";

/// Merges the reports of runs, each with its name.
pub(crate) fn merge(mut runs: Vec<(String, Report)>) -> Report {
    name_datasets(&mut runs);
    let names: Vec<String> = runs.iter().map(|(name, _)| name.clone()).collect();
    let mut merged = Report {
        title: format!("Comparison of {}", join_and(&names)),
        description: runs.iter().map(|(name, report)| (format!("Run {name}"), named(report))).collect(),
        settings: settings(&runs),
        tables: tables(&mut runs),
        stages: stages(&mut runs),
        reproduce: reproduce(&mut runs),
        ..Report::default()
    };
    let of_run = |variant: &mut String, run: &str| {
        *variant = if variant.is_empty() { format!("{RUN} {run}") } else { format!("{RUN} {run}, {variant}") };
    };
    merged.results = combined(
        &mut runs,
        |report| &mut report.results,
        outcome,
        |result, run| {
            of_run(&mut result.variant, run);
            result.values.insert(0, (RUN.to_owned(), run.to_owned()));
        },
    );
    merged.curves =
        combined(&mut runs, |report| &mut report.curves, text, |curve, run| of_run(&mut curve.variant, run));
    merged.embeddings =
        combined(&mut runs, |report| &mut report.embeddings, text, |panel, run| of_run(&mut panel.variant, run));
    merged.similarities =
        combined(&mut runs, |report| &mut report.similarities, text, |row, run| of_run(&mut row.variant, run));
    merged.health = combined(&mut runs, |report| &mut report.health, text, |row, run| of_run(&mut row.variant, run));
    merged.pairs =
        combined(&mut runs, |report| &mut report.pairs, text, |pairs, run| pairs.policy = beside(&pairs.policy, run));
    merged.models = combined(&mut runs, |report| &mut report.models, text, |(name, _), run| *name = beside(name, run));
    merged.failures =
        combined(&mut runs, |report| &mut report.failures, text, |(stage, _), run| *stage = beside(stage, run));
    let sentence = |sentence: &mut String, run: &str| *sentence = format!("{run}: {sentence}");
    merged.notes = combined(&mut runs, |report| &mut report.notes, text, sentence);
    merged.warnings = combined(&mut runs, |report| &mut report.warnings, text, sentence);
    for (_, report) in runs {
        merged.test_sets.extend(report.test_sets);
        add_new(&mut merged.datasets, report.datasets, |set| set.name.clone());
        add_new(&mut merged.thumbnails, report.thumbnails, |set| set.dataset.clone());
    }
    merged
}

fn named(report: &Report) -> String {
    if report.title.is_empty() { report.study.clone() } else { report.title.clone() }
}

/// Returns a name with that of its run: `main (quickstart)`.
fn beside(name: &str, run: &str) -> String {
    format!("{name} ({run})")
}

/// Identifies a result by what was evaluated and by its outcome.
fn outcome(result: &EvaluationResult) -> String {
    let EvaluationResult { kind, stage, from, dataset, depth, fraction, labels_per_class, variant, seed, .. } = result;
    let what = (kind, stage, from, dataset, depth, fraction, labels_per_class, variant, seed);
    text(&(what, &result.test_set, &result.right, result.correct, result.total, result.is_missing))
}

/// Identifies an item by all of its content.
fn text<T: Serialize>(item: &T) -> String {
    serde_json::to_string(item).unwrap_or_default()
}

/// Takes the items of all reports. Those that all have appear once; the others are marked with their run.
fn combined<T>(
    runs: &mut [(String, Report)],
    items: impl Fn(&mut Report) -> &mut Vec<T>,
    identity: impl Fn(&T) -> String,
    mark: impl Fn(&mut T, &str),
) -> Vec<T> {
    let taken: Vec<(&str, Vec<(String, T)>)> = runs
        .iter_mut()
        .map(|(name, report)| {
            let taken = std::mem::take(items(report));
            (name.as_str(), taken.into_iter().map(|item| (identity(&item), item)).collect())
        })
        .collect();
    let mut common: HashSet<String> = HashSet::new();
    for (at, (_, own)) in taken.iter().enumerate() {
        let ids: HashSet<String> = own.iter().map(|(id, _)| id.clone()).collect();
        common = if at == 0 { ids } else { common.intersection(&ids).cloned().collect() };
    }
    let mut all = Vec::new();
    for (at, (run, own)) in taken.into_iter().enumerate() {
        for (id, mut item) in own {
            match common.contains(&id) {
                true if at == 0 => all.push(item),
                true => {}
                false => {
                    mark(&mut item, run);
                    all.push(item);
                }
            }
        }
    }
    all
}

fn add_new<T>(all: &mut Vec<T>, more: Vec<T>, key: impl Fn(&T) -> String) {
    for item in more {
        if !all.iter().any(|known| key(known) == key(&item)) {
            all.push(item);
        }
    }
}

/// Gives data sets that have the same name in several runs and other images a name of their own.
fn name_datasets(runs: &mut [(String, Report)]) {
    let mut known: Vec<(String, String)> = Vec::new();
    for (run, report) in runs.iter_mut() {
        let sets: Vec<(String, String)> =
            report.datasets.iter().map(|set| (set.name.clone(), text(&(&set.source, &set.classes)))).collect();
        for (name, content) in sets {
            if known.iter().any(|(other, other_content)| *other == name && *other_content != content) {
                rename_dataset(report, &name, &beside(words::dataset(&name), run));
            } else {
                known.push((name, content));
            }
        }
    }
}

fn rename_dataset(report: &mut Report, from: &str, to: &str) {
    let rename = |name: &mut String| {
        if name == from {
            *name = to.to_owned();
        }
    };
    report.datasets.iter_mut().for_each(|set| rename(&mut set.name));
    report.thumbnails.iter_mut().for_each(|set| rename(&mut set.dataset));
    report.results.iter_mut().for_each(|result| rename(&mut result.dataset));
    report.embeddings.iter_mut().for_each(|panel| rename(&mut panel.dataset));
    report.similarities.iter_mut().for_each(|row| rename(&mut row.dataset));
}

/// Returns the run and the swept settings of all runs.
fn settings(runs: &[(String, Report)]) -> Vec<String> {
    let mut settings = vec![RUN.to_owned()];
    for setting in runs.iter().flat_map(|(_, report)| &report.settings) {
        if !settings.contains(setting) {
            settings.push(setting.clone());
        }
    }
    settings
}

/// Returns the tables of stages. Tables with the same title and columns become one with a column for the run.
fn tables(runs: &mut [(String, Report)]) -> Vec<StageTable> {
    let all = combined(
        runs,
        |report| &mut report.tables,
        text,
        |table, run| {
            table.columns.insert(0, StageColumn::new("Run", CellFormat::Text));
            table.rows.iter_mut().for_each(|row| row.insert(0, Cell::from(run)));
        },
    );
    let mut tables: Vec<StageTable> = Vec::new();
    for table in all {
        let is_same = |known: &&mut StageTable| known.title == table.title && known.columns == table.columns;
        match tables.iter_mut().find(is_same) {
            Some(known) => known.rows.extend(table.rows),
            None => tables.push(table),
        }
    }
    tables
}

/// Returns the stages of all runs. Those with other keys in other runs are named with their run.
fn stages(runs: &mut [(String, Report)]) -> Vec<StageRow> {
    let of_all = |stage: &StageRow, runs: &[(String, Report)]| {
        let has =
            |report: &Report| report.stages.iter().any(|other| other.key == stage.key && other.name == stage.name);
        runs.iter().all(|(_, report)| has(report))
    };
    let common: HashSet<String> = match runs.first() {
        Some((_, first)) => {
            first.stages.iter().filter(|stage| of_all(stage, runs)).map(|stage| stage.name.clone()).collect()
        }
        None => HashSet::new(),
    };
    let name = |name: &mut String, run: &str| {
        if !common.contains(name) {
            *name = beside(name, run);
        }
    };
    let mut all: Vec<StageRow> = Vec::new();
    for (run, report) in runs {
        for mut stage in std::mem::take(&mut report.stages) {
            name(&mut stage.name, run);
            stage.inputs.iter_mut().for_each(|input| name(input, run));
            if !all.iter().any(|known| known.name == stage.name) {
                all.push(stage);
            }
        }
    }
    all
}

/// Returns the commands and the configurations one after the other.
fn reproduce(runs: &mut [(String, Report)]) -> Reproduce {
    let mut all = Reproduce::default();
    let mut lines: Vec<String> = Vec::new();
    for (run, report) in runs {
        let Reproduce { command, resolved_toml, complete_toml, versions, seeds } =
            std::mem::take(&mut report.reproduce);
        if !lines.contains(&command) && !command.is_empty() {
            lines.push(command);
        }
        for (all, own) in [(&mut all.resolved_toml, resolved_toml), (&mut all.complete_toml, complete_toml)] {
            if !own.is_empty() {
                *all += &format!("# {run}\n\n{}\n\n", own.trim_end());
            }
        }
        add_new(&mut all.versions, versions, |version| version.0.clone() + &version.1);
        add_new(&mut all.seeds, seeds, u64::to_string);
    }
    all.command = lines.join("\n");
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::correctness::Correctness;
    use crate::render::data::DatasetFacts;

    fn result(stage: &str, right: &[bool], variant: &str) -> EvaluationResult {
        EvaluationResult {
            stage: stage.into(),
            from: Some(stage.into()),
            variant: variant.into(),
            test_set: "t".into(),
            right: Correctness(right.to_vec()),
            accuracy: 0.5,
            ..EvaluationResult::default()
        }
    }

    fn report(results: Vec<EvaluationResult>) -> Report {
        let stage = |name: &str, key: &str| StageRow { name: name.into(), key: key.into(), ..StageRow::default() };
        let key = text(&results.iter().map(outcome).collect::<Vec<_>>());
        let main = StageRow { inputs: vec!["split".into()], ..stage("main", &key) };
        Report { results, stages: vec![stage("split", "1"), main], settings: vec!["loss".into()], ..Report::default() }
    }

    #[test]
    fn equal_results_appear_once_and_others_have_their_run() {
        let baseline = || result("untrained", &[true, false], "");
        let a = report(vec![result("main", &[true, true], ""), baseline()]);
        let b = report(vec![baseline(), result("main", &[true, false], "loss 1")]);
        let merged = merge(vec![("a".into(), a), ("b".into(), b)]);
        let variants: Vec<(&str, &str)> =
            merged.results.iter().map(|result| (result.stage.as_str(), result.variant.as_str())).collect();
        assert_eq!(variants, [("main", "run a"), ("untrained", ""), ("main", "run b, loss 1")]);
        assert_eq!(merged.results[2].values, [("run".to_owned(), "b".to_owned())]);
        assert_eq!((merged.title.as_str(), merged.settings.len()), ("Comparison of a and b", 2));
        let stages: Vec<(&str, usize)> =
            merged.stages.iter().map(|stage| (stage.name.as_str(), stage.inputs.len())).collect();
        assert_eq!(stages, [("split", 0), ("main (a)", 1), ("main (b)", 1)]);
        assert_eq!(merged.stages[2].inputs, ["split"]);
    }

    #[test]
    fn other_images_under_the_same_name_are_another_data_set() {
        let of = |source: &str| {
            let set = DatasetFacts { source: source.into(), ..DatasetFacts::default() };
            Report { datasets: vec![set], ..report(vec![result("main", &[true], "")]) }
        };
        let merged = merge(vec![("a".into(), of("photos")), ("b".into(), of("signs")), ("c".into(), of("photos"))]);
        let names: Vec<&str> = merged.datasets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(names, ["", "dataset (b)"]);
        let evaluated_on: Vec<&str> = merged.results.iter().map(|result| result.dataset.as_str()).collect();
        assert_eq!(evaluated_on, ["", "dataset (b)", ""]);
    }

    #[test]
    fn tables_of_the_runs_become_one() {
        let of = |value: f64| {
            let columns = vec![StageColumn::new("Purity", CellFormat::Percent)];
            let table =
                StageTable { title: "Clusters".into(), columns, rows: vec![vec![value.into()]], ..Default::default() };
            Report { tables: vec![table], ..Report::default() }
        };
        let merged = merge(vec![("a".into(), of(0.5)), ("b".into(), of(0.6))]);
        assert_eq!((merged.tables.len(), merged.tables[0].rows.len(), merged.tables[0].columns.len()), (1, 2, 2));
        let same = merge(vec![("a".into(), of(0.5)), ("b".into(), of(0.5))]);
        assert_eq!((same.tables[0].rows.len(), same.tables[0].columns.len()), (1, 1));
    }
}
