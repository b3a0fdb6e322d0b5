//! The artifacts that go into the report, collected while the graph is made.

use crate::analysis::config::EmbedMethod;
use crate::base::Error;
use crate::config::pipeline::{Embed, KnnEval, LinearEval, Pipeline, Pretrain, SelectOn, Supervised};
use crate::dataset::DatasetConfig;
use crate::engine::{Graph, Outcome, StageId};
use crate::model::{self, EncoderConfig};
use serde::Serialize;
use std::collections::BTreeMap;

/// One artifact that the report shows, with what the report says of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    /// Role of the input, unique in the report.
    pub(super) role: String,
    /// The combination of the sweep: swept settings and their values.
    pub(super) variant: Variant,
    #[serde(skip)]
    pub(super) stage: StageId,
    /// The artifact could not be made.
    pub(super) is_missing: bool,
    pub(super) part: Part,
}

/// One combination of a sweep, as the report names it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Variant {
    /// `temperature 0.1, seed 2`; empty where there is no sweep.
    pub(super) label: String,
    /// Short name of each swept path, and its value.
    pub(super) values: Vec<(String, String)>,
}

impl Variant {
    /// Names the combination of some settings, (dotted path, value), by the paths' short names.
    pub fn new(settings: &[(String, String)], short_names: &BTreeMap<&str, &str>) -> Self {
        let short = |path: &str| short_names.get(path).copied().unwrap_or(path).to_owned();
        let values: Vec<(String, String)> = settings.iter().map(|(path, value)| (short(path), value.clone())).collect();
        let label = values.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
        Self { label, values }
    }
}

/// What an entry is.
#[derive(Clone, Debug, Serialize)]
pub(super) enum Part {
    Dataset,
    /// Needs the data set's labels as well: their role.
    Split {
        dataset: String,
    },
    Pretrain {
        name: String,
        batch_size: usize,
    },
    Health {
        name: String,
    },
    Pairs {
        name: String,
    },
    LinearEval(Evaluated),
    KnnEval(Evaluated),
    Supervised(Evaluated),
    Embed {
        name: String,
        from: String,
        depth: usize,
        width: usize,
        method: String,
    },
}

/// An evaluation's place in the study.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Evaluated {
    pub(super) name: String,
    pub(super) from: Option<String>,
    pub(super) depth: Option<usize>,
    /// Values of a feature vector at that depth.
    pub(super) width: usize,
    pub(super) fraction: f64,
    pub(super) seed: u64,
    pub(super) selected_on_test: bool,
}

/// Where an evaluation takes its features, and how many labels it sees.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Depth of the features.
    pub depth: usize,
    /// Values of a feature vector at that depth.
    pub width: usize,
    /// Labelled part of the training set.
    pub fraction: f64,
}

impl Evaluated {
    /// An evaluation of a pretraining's features at one depth and labelled fraction.
    fn of_features(name: &str, from: &str, Place { depth, width, fraction }: Place, seed: u64) -> Self {
        let (name, from) = (name.to_owned(), Some(from.to_owned()));
        Self { name, from, depth: Some(depth), width, fraction, seed, selected_on_test: false }
    }
}

/// The artifacts that go into the report, collected while the graph is made.
#[derive(Clone, Default)]
pub struct Inputs {
    pub(super) entries: Vec<Entry>,
    pub(super) models: Vec<(String, String)>,
    pub(super) data: Option<DatasetConfig>,
    pub(super) seeds: Vec<u64>,
    /// What a reader of the comparisons has to know, a sentence each.
    pub(in crate::stages) warnings: Vec<String>,
    /// Stages that failed, and why.
    pub(super) failures: Vec<(String, String)>,
}

impl Inputs {
    /// The inputs of a report on a run in which some stages failed.
    pub fn without_failed(mut self, graph: &Graph, outcome: &Outcome) -> Self {
        for entry in &mut self.entries {
            entry.is_missing = outcome.artifacts.get(entry.stage.index()).is_none_or(Option::is_none);
        }
        let told = |(id, error): &(StageId, Error)| (graph.name(*id).to_owned(), error.to_string());
        self.failures = outcome.failures.iter().map(told).collect();
        self
    }

    /// Adds warnings that are not there yet.
    pub fn warn(&mut self, warnings: Vec<String>) {
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// Adds an entry and returns its role.
    fn add(&mut self, variant: &Variant, stage: StageId, part: Part) -> String {
        let role = format!("{:04}", self.entries.len());
        self.entries.push(Entry { role: role.clone(), variant: variant.clone(), stage, is_missing: false, part });
        role
    }

    /// Adds a data set and its split; the report describes the first.
    pub fn dataset(&mut self, variant: &Variant, pipeline: &Pipeline, dataset: StageId, split: StageId) {
        if !self.seeds.contains(&pipeline.seed) {
            self.seeds.push(pipeline.seed);
        }
        if self.data.is_none() {
            self.data = Some(pipeline.dataset.clone());
            let role = self.add(variant, dataset, Part::Dataset);
            self.add(variant, split, Part::Split { dataset: role });
        }
    }

    /// Adds a pretraining with its health and its positive pairs.
    pub fn pretrain(
        &mut self,
        variant: &Variant,
        config: &Pretrain,
        pipeline: &Pipeline,
        [pretrain, health, pairs]: [StageId; 3],
    ) {
        let name = config.name.clone();
        self.model(&format!("pretrain.{name}"), &config.encoder, &config.projection.layers, pipeline);
        if config.epochs > 0 {
            self.add(variant, pretrain, Part::Pretrain { name: name.clone(), batch_size: config.batch_size });
            if !self.entries.iter().any(|entry| entry.stage == pairs) {
                self.add(variant, pairs, Part::Pairs { name: name.clone() });
            }
        }
        self.add(variant, health, Part::Health { name });
    }

    /// Adds a linear evaluation at one depth and fraction.
    pub fn linear_eval(&mut self, variant: &Variant, config: &LinearEval, place: Place, seed: u64, id: StageId) {
        self.add(
            variant,
            id,
            Part::LinearEval(Evaluated {
                selected_on_test: config.training.chooses_on() == Some(SelectOn::Test),
                ..Evaluated::of_features(&config.name, &config.from, place, seed)
            }),
        );
    }

    /// Adds a kNN evaluation at one depth and fraction.
    pub fn knn_eval(&mut self, variant: &Variant, config: &KnnEval, place: Place, seed: u64, id: StageId) {
        self.add(variant, id, Part::KnnEval(Evaluated::of_features(&config.name, &config.from, place, seed)));
    }

    /// Adds a supervised network at one fraction.
    pub fn supervised(
        &mut self,
        variant: &Variant,
        config: &Supervised,
        fraction: f64,
        pipeline: &Pipeline,
        id: StageId,
    ) {
        self.add(
            variant,
            id,
            Part::Supervised(Evaluated {
                name: config.name.clone(),
                from: config.init_from.clone(),
                depth: None,
                width: 0,
                fraction,
                seed: pipeline.seed,
                selected_on_test: config.training.chooses_on() == Some(SelectOn::Test),
            }),
        );
    }

    /// Adds the table of a supervised network's model.
    pub fn supervised_model(&mut self, config: &Supervised, classes: usize, pipeline: &Pipeline) {
        let head: Vec<usize> = config.hidden.iter().copied().chain([classes]).collect();
        self.model(&format!("supervised.{}", config.name), &config.encoder, &head, pipeline);
    }

    /// Adds an embedding at one depth.
    pub fn embed(&mut self, variant: &Variant, config: &Embed, (depth, width): (usize, usize), id: StageId) {
        let method = match &config.method {
            EmbedMethod::Tsne(tsne) => format!("t-SNE, perplexity {}", tsne.perplexity),
            EmbedMethod::Pca(_) => "PCA".to_owned(),
        };
        let (name, from) = (config.name.clone(), config.from.clone());
        self.add(variant, id, Part::Embed { name, from, depth, width, method });
    }

    fn model(&mut self, name: &str, encoder: &EncoderConfig, head: &[usize], pipeline: &Pipeline) {
        if let Ok(summary) = model::summarize(encoder, head, pipeline.dataset.image_size) {
            let model = (name.to_owned(), summary.to_string());
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
    }
}
