//! From a checked study to the graph of its stages.

use crate::base::text::visible;
use crate::base::{Error, Result};
use crate::config::pipeline::{DeviceChoice, FeatureStatistics, Pipeline, Pretrain};
use crate::config::{ClassCount, Diagnostics, LoadedStudy};
use crate::dataset::{self, Fingerprint};
use crate::engine::{Cost, Graph, RunOutcome, Stage, StageId};
use crate::model;
use crate::stages::cost::{self, Images, TrainingMemory};
use crate::stages::dataset::DatasetStage;
use crate::stages::embed::EmbedStage;
use crate::stages::fairness;
use crate::stages::features::FeaturesStage;
use crate::stages::health::{self, HealthStage};
use crate::stages::knn_eval::KnnEvalStage;
use crate::stages::linear_eval::LinearEvalStage;
use crate::stages::names::{Users, name_by_values, values_by_stage};
use crate::stages::pairs::PairsStage;
use crate::stages::pretrain::PretrainStage;
use crate::stages::report::{self, ReportStage};
use crate::stages::split::SplitStage;
use crate::stages::supervised::SupervisedStage;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// File under the output directory that remembers digests of image files.
const DIGESTS: &str = "digests.json";

/// A study as a graph.
pub struct Assembly {
    /// The stages.
    pub graph: Graph,
    /// The stage that renders the report.
    pub report: StageId,
    /// Name of the study.
    pub study: String,
    /// What a user should know before anything is trained, a sentence each.
    pub warnings: Vec<String>,
    /// What the trainings hold in memory.
    trainings: BTreeMap<StageId, TrainingMemory>,
    inputs: report::Inputs,
}

impl Assembly {
    /// What to change so that a training fits into so many bytes; none of other stages.
    pub fn what_fits(&self, id: StageId, bytes: u64) -> Option<String> {
        self.trainings.get(&id).map(|training| training.what_fits(bytes))
    }

    /// After a run in which stages failed: the report becomes one of what is there, with the places of what is missing.
    ///
    /// # Errors
    /// None but bugs.
    pub fn report_what_is_there(&mut self, loaded: &LoadedStudy, outcome: &RunOutcome) -> Result<()> {
        let inputs = self.inputs.clone().without_failed(&self.graph, outcome);
        self.report = add_report(loaded, &mut self.graph, inputs)?;
        Ok(())
    }
}

fn add_report(loaded: &LoadedStudy, graph: &mut Graph, inputs: report::Inputs) -> Result<StageId> {
    let (stage, roles) = ReportStage::new(loaded, graph, inputs);
    let roles: Vec<(&str, StageId)> = roles.iter().map(|(role, id)| (role.as_str(), *id)).collect();
    graph.add(Box::new(stage), &roles)
}

/// Why a study does not become a graph.
pub enum AssembleError {
    /// The file does not suit the data.
    Configuration(Diagnostics),
    /// The data cannot be read.
    Data(Error),
}

impl From<Error> for AssembleError {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

impl From<Diagnostics> for AssembleError {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Configuration(diagnostics)
    }
}

/// Makes the graph of a study. Looks at the data set (which files there are, and their content where it is not known
/// yet), computes nothing.
///
/// # Errors
/// The data cannot be read, or does not suit what the file asks of it.
pub fn assemble(loaded: &LoadedStudy, output: &Path, device: Option<DeviceChoice>) -> Result<Assembly, AssembleError> {
    let memo = output.join(DIGESTS);
    let mut fingerprints = Fingerprints { memo, known: Vec::new() };
    let mut graph = Graph::new();
    let mut inputs = report::Inputs::default();
    let mut warnings: Vec<String> = Vec::new();
    let mut trainings = BTreeMap::new();
    let mut users = Users::default();
    for (number, variant) in loaded.study.variants.iter().enumerate() {
        let mut pipeline = variant.pipeline.clone();
        pipeline.device = device.unwrap_or(pipeline.device);
        let fingerprint = fingerprints.of(&pipeline)?;
        let classes = class_counts(&fingerprint, &pipeline);
        // The report counts shared images by their pixels.
        add_new(&mut warnings, dataset::shared::warning(&fingerprint));
        add_new(&mut inputs.notes, dataset::notes(&pipeline.dataset, &fingerprint));
        loaded.check_data_of(number..number + 1, &classes)?;
        let mut builder = Builder {
            graph: &mut graph,
            inputs: &mut inputs,
            trainings: &mut trainings,
            pipeline: &pipeline,
            number,
            users: &mut users,
            images: Images::of(&classes),
            classes: classes.len(),
            roots: None,
        };
        add_new(&mut builder.inputs.warnings, fairness::warnings(builder.pipeline, builder.images.train()));
        builder.build(DatasetStage {
            config: pipeline.dataset.clone(),
            fingerprint,
            memo: fingerprints.memo.clone(),
        })?;
    }
    let values = values_by_stage(&users, &loaded.study);
    name_by_values(&mut graph, &values);
    inputs.name_variants(&values);
    let report = add_report(loaded, &mut graph, inputs.clone())?;
    warnings.extend(inputs.notes.iter().chain(&inputs.warnings).cloned());
    let warnings = warnings.iter().map(|warning| visible(warning).into_owned()).collect();
    Ok(Assembly { graph, report, study: loaded.study.name.clone(), warnings, trainings, inputs })
}

/// Adds what is not there yet: variants of a sweep say the same.
fn add_new(known: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for text in more {
        if !known.contains(&text) {
            known.push(text);
        }
    }
}

/// Fingerprints of the data sets of a study, each taken once.
struct Fingerprints {
    memo: PathBuf,
    known: Vec<(crate::dataset::DatasetConfig, Fingerprint)>,
}

impl Fingerprints {
    fn of(&mut self, pipeline: &Pipeline) -> Result<Fingerprint> {
        if let Some((_, known)) = self.known.iter().find(|(config, _)| *config == pipeline.dataset) {
            return Ok(known.clone());
        }
        let fingerprint = dataset::fingerprint(&pipeline.dataset, &self.memo)?;
        self.known.push((pipeline.dataset.clone(), fingerprint.clone()));
        Ok(fingerprint)
    }
}

fn class_counts(fingerprint: &Fingerprint, pipeline: &Pipeline) -> Vec<ClassCount> {
    let sizes = dataset::split_sizes(&fingerprint.classes, pipeline.dataset.validation_fraction);
    let count = |(class, (train, validation, test)): (&dataset::ClassSize, (usize, usize, usize))| ClassCount {
        name: class.name.clone(),
        train,
        validation,
        test,
    };
    fingerprint.classes.iter().zip(sizes).map(count).collect()
}

/// Adds the stages of one variant.
struct Builder<'a> {
    graph: &'a mut Graph,
    inputs: &'a mut report::Inputs,
    trainings: &'a mut BTreeMap<StageId, TrainingMemory>,
    pipeline: &'a Pipeline,
    /// Number of the combination.
    number: usize,
    users: &'a mut Users,
    images: Images,
    classes: usize,
    roots: Option<(StageId, StageId)>,
}

impl Builder<'_> {
    fn build(&mut self, dataset: DatasetStage) -> Result<()> {
        let pipeline = self.pipeline;
        let dataset = self.add(Box::new(dataset), &[])?;
        self.graph.set_cost(dataset, cost::dataset(self.images));
        let split = SplitStage { validation_fraction: pipeline.dataset.validation_fraction, seed: pipeline.seed };
        let split = self.add(Box::new(split), &[("dataset", dataset)])?;
        self.roots = Some((dataset, split));
        self.inputs.dataset(pipeline, dataset, split);
        let mut pretrained = BTreeMap::new();
        for pretrain in &pipeline.pretrain {
            let id = self.pretrain(pretrain, &pretrained, dataset, split)?;
            pretrained.insert(pretrain.name.clone(), (pretrain, id));
        }
        self.linear_eval(&pretrained)?;
        self.knn_eval(&pretrained)?;
        self.embed(&pretrained)?;
        self.supervised(&pretrained, (dataset, split))
    }

    fn pretrain(
        &mut self,
        config: &Pretrain,
        pretrained: &BTreeMap<String, (&Pretrain, StageId)>,
        dataset: StageId,
        split: StageId,
    ) -> Result<StageId> {
        let Pipeline { seed, device, .. } = *self.pipeline;
        let data = self.pipeline.dataset.clone();
        let mut inputs = vec![("dataset", dataset), ("split", split)];
        if let Some(from) = &config.init_from {
            inputs.push(("init", find(pretrained, from)?.1));
        }
        let memory = TrainingMemory::of_pretrain(config, data.image_size);
        let stage =
            PretrainStage { config: config.clone(), dataset: data.clone(), seed, device, memory: memory.clone() };
        let id = self.add(Box::new(stage), &inputs)?;
        self.trainings.extend(memory.map(|memory| (id, memory)));
        self.estimate(id, cost::pretrain(config, self.pipeline, self.images));
        let health = HealthStage { pretrain: config.clone(), dataset: data.clone(), seed, device };
        let health = self.add(Box::new(health), &[("dataset", dataset), ("split", split), ("pretrain", id)])?;
        self.estimate(health, cost::health(config, self.pipeline, health::IMAGES, self.images));
        let policy = config.policy.clone();
        let pairs = PairsStage { name: config.name.clone(), policy, dataset: data, seed };
        let pairs = self.add(Box::new(pairs), &[("dataset", dataset), ("split", split)])?;
        self.inputs.pretrain(config, self.pipeline, [id, health, pairs]);
        Ok(id)
    }

    /// Adds a stage for this combination of the sweep.
    fn add(&mut self, stage: Box<dyn Stage>, inputs: &[(&str, StageId)]) -> Result<StageId> {
        let id = self.graph.add(stage, inputs)?;
        self.users.add(id, self.number);
        Ok(id)
    }

    fn estimate(&mut self, id: StageId, cost: Option<Cost>) {
        cost.into_iter().for_each(|cost| self.graph.set_cost(id, cost));
    }

    /// The inputs that every evaluation of a pretraining has.
    fn features(
        &mut self,
        (pretrain, id): (&Pretrain, StageId),
        statistics: FeatureStatistics,
    ) -> Result<[(&'static str, StageId); 3]> {
        let (dataset, split) = self.roots.ok_or_else(|| Error::bug("features before the data set"))?;
        let stage = FeaturesStage {
            pretrain: pretrain.clone(),
            dataset: self.pipeline.dataset.clone(),
            statistics,
            seed: self.pipeline.seed,
            device: self.pipeline.device,
        };
        let features = self.add(Box::new(stage), &[("dataset", dataset), ("pretrain", id)])?;
        self.estimate(features, cost::features(pretrain, self.pipeline, self.images));
        Ok([("dataset", dataset), ("split", split), ("features", features)])
    }

    fn linear_eval(&mut self, pretrained: &BTreeMap<String, (&Pretrain, StageId)>) -> Result<()> {
        let seed = self.pipeline.seed;
        for config in &self.pipeline.linear_eval {
            let (pretrain, id) = *find(pretrained, &config.from)?;
            let inputs = self.features((pretrain, id), config.statistics)?;
            let widths = widths(pretrain, self.pipeline.dataset.image_size)?;
            for (depth, fraction) in grid(&config.depths, &config.labeled_fractions) {
                let stage = LinearEvalStage { config: config.clone(), depth, fraction, seed };
                let id = self.add(Box::new(stage), &inputs)?;
                let cost = cost::linear_eval(config, (widths[depth], fraction), self.classes, self.images);
                self.graph.set_cost(id, cost);
                let place = report::Place { depth, width: widths[depth], fraction, seed };
                self.inputs.linear_eval(config, pretrain, place, id);
            }
        }
        Ok(())
    }

    fn knn_eval(&mut self, pretrained: &BTreeMap<String, (&Pretrain, StageId)>) -> Result<()> {
        let seed = self.pipeline.seed;
        for config in &self.pipeline.knn_eval {
            let (pretrain, id) = *find(pretrained, &config.from)?;
            let inputs = self.features((pretrain, id), config.statistics)?;
            let widths = widths(pretrain, self.pipeline.dataset.image_size)?;
            for (depth, fraction) in grid(&config.depths, &config.labeled_fractions) {
                let stage = KnnEvalStage { config: config.clone(), depth, fraction, seed };
                let id = self.add(Box::new(stage), &inputs)?;
                self.graph.set_cost(id, cost::knn_eval((widths[depth], fraction), self.images));
                let place = report::Place { depth, width: widths[depth], fraction, seed };
                self.inputs.knn_eval(config, pretrain, place, id);
            }
        }
        Ok(())
    }

    fn embed(&mut self, pretrained: &BTreeMap<String, (&Pretrain, StageId)>) -> Result<()> {
        let seed = self.pipeline.seed;
        for config in &self.pipeline.embed {
            let inputs = self.features(*find(pretrained, &config.from)?, config.statistics)?;
            let widths = widths(find(pretrained, &config.from)?.0, self.pipeline.dataset.image_size)?;
            for &depth in &config.depths {
                let id = self.add(Box::new(EmbedStage { config: config.clone(), depth, seed }), &inputs)?;
                self.graph.set_cost(id, cost::embed(config, widths[depth], self.images));
                self.inputs.embed(config, (depth, widths[depth]), id);
            }
        }
        Ok(())
    }

    fn supervised(
        &mut self,
        pretrained: &BTreeMap<String, (&Pretrain, StageId)>,
        (dataset, split): (StageId, StageId),
    ) -> Result<()> {
        let Pipeline { seed, device, .. } = *self.pipeline;
        for config in &self.pipeline.supervised {
            let mut inputs = vec![("dataset", dataset), ("split", split)];
            if let Some(from) = &config.init_from {
                inputs.push(("init", find(pretrained, from)?.1));
            }
            for &fraction in &config.labeled_fractions {
                let data = self.pipeline.dataset.clone();
                let of_training = (fraction, self.classes, self.pipeline, self.images);
                let memory = TrainingMemory::of_supervised(config, of_training);
                let cost = cost::supervised(config, of_training);
                let training = memory.clone();
                let stage = SupervisedStage { config: config.clone(), dataset: data, fraction, seed, device, memory };
                let id = self.add(Box::new(stage), &inputs)?;
                self.trainings.extend(training.map(|training| (id, training)));
                self.estimate(id, cost);
                self.inputs.supervised(config, fraction, self.pipeline, id);
            }
            self.inputs.supervised_model(config, self.classes, self.pipeline);
        }
        Ok(())
    }
}

fn grid<'a>(depths: &'a [usize], fractions: &'a [f64]) -> impl Iterator<Item = (usize, f64)> + 'a {
    depths.iter().flat_map(move |depth| fractions.iter().map(move |fraction| (*depth, *fraction)))
}

fn find<'a, T>(named: &'a BTreeMap<String, T>, name: &str) -> Result<&'a T> {
    named.get(name).ok_or_else(|| Error::bug(format!("no pretraining '{name}' in a checked configuration")))
}

/// Values of a feature vector at each depth.
fn widths(pretrain: &Pretrain, side: usize) -> Result<Vec<usize>> {
    let encoder = model::summarize(&pretrain.encoder, &[], side)?.features();
    Ok(std::iter::once(encoder).chain(pretrain.projection.layers.iter().copied()).collect())
}
