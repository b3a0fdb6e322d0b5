//! Names of the stages of a sweep: by the values that make them what they are, so that they stay when the sweep grows.

use crate::engine::{Graph, StageId};
use crate::study::Study;
use std::collections::BTreeSet;

/// The combinations of a sweep that each stage belongs to.
#[derive(Default)]
pub(crate) struct Users(Vec<BTreeSet<usize>>);

impl Users {
    /// A stage belongs to the combination with this number.
    pub(crate) fn add(&mut self, id: StageId, variant: usize) {
        if self.0.len() <= id.index() {
            self.0.resize_with(id.index() + 1, BTreeSet::new);
        }
        self.0[id.index()].insert(variant);
    }
}

/// The swept settings that decide a stage, each by its short name with its value; empty where the sweep does not touch it.
pub(crate) type Values = Vec<(String, String)>;

/// For each stage of the graph the values that all its combinations share and not all of the study do.
pub(crate) fn values_by_stage(users: &Users, study: &Study) -> Vec<Values> {
    let names = study.short_names();
    let is_swept =
        |place: usize| (0..study.variants.len()).any(|variant| value(study, variant, place) != value(study, 0, place));
    let swept: Vec<(usize, &str)> = settings(study, 0)
        .iter()
        .enumerate()
        .filter(|(place, _)| is_swept(*place))
        .map(|(place, (path, _))| (place, names.get(path.as_str()).copied().unwrap_or(path)))
        .collect();
    let of_stage = |variants: &BTreeSet<usize>| {
        let Some(&first) = variants.first() else { return Values::new() };
        let is_shared =
            |place: usize| variants.iter().all(|&variant| value(study, variant, place) == value(study, first, place));
        let shared = swept.iter().filter(|(place, _)| is_shared(*place));
        shared.map(|(place, name)| ((*name).to_owned(), value(study, first, *place).to_owned())).collect()
    };
    users.0.iter().map(of_stage).collect()
}

/// Adds to each stage's name its values: `linear_eval.main[depth 0, 10 % labels, temperature 0.5]`.
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

fn value(study: &Study, variant: usize, place: usize) -> &str {
    settings(study, variant).get(place).map_or("", |(_, value)| value)
}

/// `split` and `seed 2` make `split[seed 2]`.
fn with_words(name: &str, words: &str) -> String {
    match name.strip_suffix(']') {
        Some(open) => format!("{open}, {words}]"),
        None => format!("{name}[{words}]"),
    }
}
