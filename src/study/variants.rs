//! Names of the stages of a sweep, by the swept values that a stage depends on, so that they stay when the sweep grows.

use crate::engine::{Graph, StageId};
use crate::study::Study;
use std::collections::BTreeSet;

/// The variants of a sweep that each stage belongs to.
#[derive(Default)]
pub(crate) struct StageVariants(Vec<BTreeSet<usize>>);

impl StageVariants {
    /// Adds a stage to the variant with this number.
    pub(crate) fn add(&mut self, id: StageId, variant: usize) {
        if self.0.len() <= id.index() {
            self.0.resize_with(id.index() + 1, BTreeSet::new);
        }
        self.0[id.index()].insert(variant);
    }
}

/// The swept settings that a stage depends on, as (short name, value); empty if the sweep does not affect it.
pub(crate) type Values = Vec<(String, String)>;

/// Returns, for each stage of the graph, the swept values that its variants share but not all variants of the study do.
pub(crate) fn values_by_stage(stage_variants: &StageVariants, study: &Study) -> Vec<Values> {
    let names = study.short_names();
    let is_swept =
        |index: usize| (0..study.variants.len()).any(|variant| value(study, variant, index) != value(study, 0, index));
    let swept: Vec<(usize, &str)> = settings(study, 0)
        .iter()
        .enumerate()
        .filter(|(index, _)| is_swept(*index))
        .map(|(index, (path, _))| (index, names.get(path.as_str()).copied().unwrap_or(path)))
        .collect();
    let of_stage = |variants: &BTreeSet<usize>| {
        let Some(&first) = variants.first() else { return Values::new() };
        let is_shared =
            |index: usize| variants.iter().all(|&variant| value(study, variant, index) == value(study, first, index));
        let shared = swept.iter().filter(|(index, _)| is_shared(*index));
        shared.map(|(index, name)| ((*name).to_owned(), value(study, first, *index).to_owned())).collect()
    };
    stage_variants.0.iter().map(of_stage).collect()
}

/// Appends its values to the name of each stage: `linear_eval.main[depth 0, 10 % labels, temperature 0.5]`.
pub(crate) fn name_by_values(graph: &mut Graph, values: &[Values]) {
    let ids: Vec<StageId> = graph.iter().collect();
    for (id, values) in ids.into_iter().zip(values) {
        let words: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
        if !words.is_empty() {
            let name = with_words(&graph.stage(id).name(), &words.join(", "));
            graph.rename(id, name);
        }
    }
}

fn settings(study: &Study, variant: usize) -> &[(String, String)] {
    study.variants.get(variant).map_or(&[], |variant| &variant.settings)
}

fn value(study: &Study, variant: usize, index: usize) -> &str {
    settings(study, variant).get(index).map_or("", |(_, value)| value)
}

/// Returns `split[seed 2]` for `split` and `seed 2`.
fn with_words(name: &str, words: &str) -> String {
    match name.strip_suffix(']') {
        Some(open) => format!("{open}, {words}]"),
        None => format!("{name}[{words}]"),
    }
}
