//! The artifacts that go into the report, collected while the graph is made.

use crate::analysis::config::EmbedMethod;
use crate::base::Error;
use crate::config::pipeline::{Embed, KnnEval, LinearEval, Pipeline, Pretrain, SelectOn, Supervised};
use crate::dataset::DatasetConfig;
use crate::engine::{Graph, RunOutcome, StageId};
use crate::model::{self, EncoderConfig, ProjectionConfig};
use crate::stages::names::Values;
use crate::train::Monitor;
use serde::Serialize;
use std::collections::HashMap;

/// One artifact that the report shows, with what the report says of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    /// Role of the input, unique in the report.
    pub(super) role: String,
    /// The swept settings that decide it, and their values.
    pub(super) variant: Variant,
    #[serde(skip)]
    pub(super) stage: StageId,
    /// The artifact could not be made.
    pub(super) is_missing: bool,
    pub(super) part: Part,
}

/// What the sweep made of an artifact.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Variant {
    /// `temperature 0.1, seed 2`; empty for what the sweep does not touch.
    pub(super) label: String,
    /// Short name of each swept path, and its value.
    pub(super) values: Values,
}

impl Variant {
    fn new(values: &Values) -> Self {
        let label = values.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
        Self { label, values: values.clone() }
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
        is_untrained: bool,
    },
    Pairs {
        /// Name of the augmentation policy.
        policy: String,
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Evaluated {
    pub(super) name: String,
    pub(super) from: Option<String>,
    /// The encoder has its initial weights.
    pub(super) is_untrained: bool,
    /// The encoder, so that equal ones are known.
    pub(super) encoder: EncoderConfig,
    pub(super) depth: Option<usize>,
    /// Values of a feature vector at that depth.
    pub(super) width: usize,
    pub(super) fraction: f64,
    pub(super) seed: u64,
    pub(super) selected_on_test: bool,
    /// By what the epoch was chosen whose weights were kept.
    pub(super) monitor: Option<Monitor>,
}

/// Where an evaluation takes its features, how many labels it sees, and its seed.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Depth of the features.
    pub depth: usize,
    /// Values of a feature vector at that depth.
    pub width: usize,
    /// Fraction of the labels.
    pub fraction: f64,
    /// Seed of the pipeline.
    pub seed: u64,
}

impl Evaluated {
    /// An evaluation of the features of a pretraining run.
    fn of_features(name: &str, pretrain: &Pretrain, Place { depth, width, fraction, seed }: Place) -> Self {
        Self {
            name: name.to_owned(),
            from: Some(pretrain.name.clone()),
            is_untrained: pretrain.is_untrained(),
            encoder: pretrain.encoder.clone(),
            depth: Some(depth),
            width,
            fraction,
            seed,
            selected_on_test: false,
            monitor: None,
        }
    }
}

/// The artifacts that go into the report, collected while the graph is made.
#[derive(Clone, Default)]
pub struct Inputs {
    pub(super) entries: Vec<Entry>,
    /// Numbers of the entries of each stage.
    by_stage: HashMap<StageId, Vec<usize>>,
    pub(super) models: Vec<(String, String)>,
    pub(super) data: Option<DatasetConfig>,
    pub(super) seeds: Vec<u64>,
    /// What a user should know of the data.
    pub(in crate::stages) notes: Vec<String>,
    /// What a reader of the comparisons has to know, a sentence each.
    pub(in crate::stages) warnings: Vec<String>,
    /// Stages that failed, and why.
    pub(super) failures: Vec<(String, String)>,
}

impl Inputs {
    /// The inputs of a report on a run in which some stages failed.
    pub fn without_failed(mut self, graph: &Graph, outcome: &RunOutcome) -> Self {
        for entry in &mut self.entries {
            entry.is_missing = outcome.artifacts.get(entry.stage.index()).is_none_or(Option::is_none);
        }
        let told = |(id, error): &(StageId, Error)| (graph.name(*id).to_owned(), error.to_string());
        self.failures = outcome.failures.iter().map(told).collect();
        self
    }

    /// Names what the sweep made of each artifact, by the values that decide its stage.
    pub fn name_variants(&mut self, values: &[Values]) {
        for entry in &mut self.entries {
            entry.variant = values.get(entry.stage.index()).map(Variant::new).unwrap_or_default();
        }
    }

    /// Adds an entry and returns its role. What several combinations of the sweep share is one entry.
    fn add(&mut self, stage: StageId, part: Part) -> String {
        let of_stage = self.by_stage.entry(stage).or_default();
        if let Some(known) = of_stage.iter().map(|number| &self.entries[*number]).find(|entry| entry.part == part) {
            return known.role.clone();
        }
        of_stage.push(self.entries.len());
        let role = format!("{:04}", self.entries.len());
        let entry = Entry { role: role.clone(), variant: Variant::default(), stage, is_missing: false, part };
        self.entries.push(entry);
        role
    }

    /// Adds a data set and its split; the report describes the first.
    pub fn dataset(&mut self, pipeline: &Pipeline, dataset: StageId, split: StageId) {
        if !self.seeds.contains(&pipeline.seed) {
            self.seeds.push(pipeline.seed);
        }
        if self.data.is_none() {
            self.data = Some(pipeline.dataset.clone());
            let role = self.add(dataset, Part::Dataset);
            self.add(split, Part::Split { dataset: role });
        }
    }

    /// Adds a pretraining with its health and its positive pairs.
    pub fn pretrain(&mut self, config: &Pretrain, pipeline: &Pipeline, [pretrain, health, pairs]: [StageId; 3]) {
        let name = config.name.clone();
        self.model(&format!("pretrain.{name}"), &config.encoder, &config.projection, pipeline);
        if config.epochs > 0 {
            self.add(pretrain, Part::Pretrain { name: name.clone(), batch_size: config.batch_size });
            if !self.by_stage.contains_key(&pairs) {
                self.add(pairs, Part::Pairs { policy: policy_name(config, pipeline) });
            }
        }
        self.add(health, Part::Health { name, is_untrained: config.is_untrained() });
    }

    /// Adds a linear evaluation at one depth and fraction.
    pub fn linear_eval(&mut self, config: &LinearEval, pretrain: &Pretrain, place: Place, id: StageId) {
        self.add(
            id,
            Part::LinearEval(Evaluated {
                selected_on_test: config.training.selects_on() == Some(SelectOn::Test),
                monitor: config.training.monitor(),
                ..Evaluated::of_features(&config.name, pretrain, place)
            }),
        );
    }

    /// Adds a kNN evaluation at one depth and fraction.
    pub fn knn_eval(&mut self, config: &KnnEval, pretrain: &Pretrain, place: Place, id: StageId) {
        self.add(id, Part::KnnEval(Evaluated::of_features(&config.name, pretrain, place)));
    }

    /// Adds a supervised network at one fraction.
    pub fn supervised(&mut self, config: &Supervised, fraction: f64, pipeline: &Pipeline, id: StageId) {
        self.add(
            id,
            Part::Supervised(Evaluated {
                name: config.name.clone(),
                from: config.init_from.clone(),
                is_untrained: false,
                encoder: config.encoder.clone(),
                depth: None,
                width: 0,
                fraction,
                seed: pipeline.seed,
                selected_on_test: config.training.selects_on() == Some(SelectOn::Test),
                monitor: config.training.monitor(),
            }),
        );
    }

    /// Adds the table of a supervised network's model.
    pub fn supervised_model(&mut self, config: &Supervised, classes: usize, pipeline: &Pipeline) {
        let head: Vec<usize> = config.hidden.iter().copied().chain([classes]).collect();
        self.model(&format!("supervised.{}", config.name), &config.encoder, &head, pipeline);
    }

    /// Adds an embedding at one depth.
    pub fn embed(&mut self, config: &Embed, (depth, width): (usize, usize), id: StageId) {
        let method = match &config.method {
            EmbedMethod::Tsne(tsne) => format!("t-SNE, perplexity {}", tsne.perplexity),
            EmbedMethod::Pca(_) => "PCA".to_owned(),
        };
        let (name, from) = (config.name.clone(), config.from.clone());
        self.add(id, Part::Embed { name, from, depth, width, method });
    }

    fn model(&mut self, name: &str, encoder: &EncoderConfig, head: impl Into<ProjectionConfig>, pipeline: &Pipeline) {
        if let Ok(summary) = model::summarize(encoder, head, pipeline.dataset.image_size) {
            let model = (name.to_owned(), summary.to_string());
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
    }
}

/// The name of the policy that makes a pretraining run's views.
fn policy_name(config: &Pretrain, pipeline: &Pipeline) -> String {
    let named = pipeline.augment.iter().find(|(_, policy)| **policy == config.policy);
    named.map(|(name, _)| name.clone()).unwrap_or_default()
}
