//! `[dataset]` and `[dataset.NAME]`: the images, decoded once, and their split.

mod changes;
mod images;
mod labels;
pub(crate) mod split;

pub(crate) use images::SEED;

use crate::base::Result;
use crate::dataset::source::SourceProblem;
use crate::dataset::{ClassCount, DatasetConfig, ImageDataset, Part, Skipped};
use crate::engine::{Context, StageId};
use crate::render::data::{DatasetFacts, Report};
use crate::stages::shared::cost;
use crate::study::{Check, DataFacts, Expansion, Pipeline, Ref, ReportPart, Shown, StageKind, Tables, VariantLabel};
use images::ImagesStage;
use labels::DatasetStage;
use serde_json::{Value, json};
use split::SplitStage;
use std::sync::Arc;

/// The section `dataset`.
pub struct Dataset;

/// Role of the training images, validation images included.
pub(super) const TRAIN_IMAGES: &str = "train_images";
/// Role of the test images.
pub(super) const TEST_IMAGES: &str = "test_images";

/// The nodes of a data set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatasetNodes {
    /// The decoded training images, validation images included.
    pub train: StageId,
    /// The decoded test images.
    pub test: StageId,
    /// Names and labels of both.
    pub dataset: StageId,
    /// Which training images are for validation.
    pub split: StageId,
}

impl DatasetNodes {
    /// The inputs of a stage that reads labels.
    pub(crate) fn labeled(&self) -> [(&'static str, StageId); 4] {
        [(TRAIN_IMAGES, self.train), (TEST_IMAGES, self.test), ("dataset", self.dataset), ("split", self.split)]
    }

    /// The inputs of a stage that trains without labels.
    pub(crate) fn training(&self) -> [(&'static str, StageId); 2] {
        [(TRAIN_IMAGES, self.train), ("split", self.split)]
    }

    /// The inputs of a stage that reads all images without labels.
    pub(crate) fn images(&self) -> [(&'static str, StageId); 2] {
        [(TRAIN_IMAGES, self.train), self.test_images()]
    }

    /// The input of a stage that reads test images without labels.
    pub(crate) fn test_images(&self) -> (&'static str, StageId) {
        (TEST_IMAGES, self.test)
    }
}

/// The images of a stage with labels.
///
/// # Errors
/// An artifact is damaged.
pub(crate) fn images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    let labels = context.input("dataset")?;
    ImageDataset::labeled(labels, context.input(TRAIN_IMAGES)?, context.input(TEST_IMAGES)?).map(Arc::new)
}

/// The training images of a stage, validation images included, without labels.
///
/// # Errors
/// The artifact is damaged.
pub(crate) fn training_images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    ImageDataset::unlabeled(context.input(TRAIN_IMAGES)?, None).map(Arc::new)
}

/// All images of a stage, without labels.
///
/// # Errors
/// An artifact is damaged.
pub(crate) fn unlabeled_images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    ImageDataset::unlabeled(context.input(TRAIN_IMAGES)?, Some(context.input(TEST_IMAGES)?)).map(Arc::new)
}

/// The test images of a stage, without labels, as if they were all there is.
///
/// # Errors
/// The artifact is damaged.
pub(crate) fn test_images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    ImageDataset::unlabeled(context.input(TEST_IMAGES)?, None).map(Arc::new)
}

/// `dataset` or `dataset.NAME`.
fn stage_name(kind: &str, name: &str) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind}.{name}") }
}

impl StageKind for Dataset {
    const SECTION: &'static str = "dataset";
    const TABLES: Tables = Tables::DefaultAndNamed;
    const IS_COMPUTED: bool = false;
    type Config = DatasetConfig;

    fn check(config: &DatasetConfig, check: &mut Check<'_>) {
        if let Some(size) = config.stored_size.filter(|size| *size < config.image_size) {
            let message = format!("`stored_size` must be at least `image_size` ({}), got {size}", config.image_size);
            check.report(&["stored_size"], message, None);
        }
        let source = ["source", config.source.key()];
        let problems = config.source.check(&|key| check.is_written(&[source.as_slice(), &[key]].concat()));
        for SourceProblem { key, message, help } in problems {
            check.report(&[source.as_slice(), &[key]].concat(), message, help);
        }
    }

    fn expand(config: &DatasetConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let facts = expansion.facts(expansion.name())?;
        let name = expansion.name().to_owned();
        let train = add_images(Part::Training, facts, expansion)?;
        let test = add_images(Part::Test, facts, expansion)?;
        let (fingerprint, memo) = (facts.fingerprint.clone(), expansion.memo().to_owned());
        let dataset = DatasetStage { name: name.clone(), config: facts.config.clone(), fingerprint, memo };
        let dataset = expansion.add(dataset, &[(TRAIN_IMAGES, train), (TEST_IMAGES, test)])?;
        let seed = expansion.pipeline().seed;
        let split = SplitStage { name, validation_fraction: config.validation_fraction, seed };
        let split = expansion.add(split, &[(TRAIN_IMAGES, train)])?;
        let nodes = DatasetNodes { train, test, dataset, split };
        expansion.show(&nodes.labeled(), DatasetPart::new(facts));
        expansion.provide::<Self, _>(nodes);
        Ok(())
    }
}

fn add_images(part: Part, facts: &DataFacts, expansion: &mut Expansion<'_>) -> Result<StageId> {
    let stage = ImagesStage {
        name: expansion.name().to_owned(),
        part,
        config: facts.config.clone(),
        fingerprint: facts.fingerprint.clone(),
        memo: expansion.memo().to_owned(),
    };
    let id = expansion.add(stage, &[])?;
    expansion.cost(id, cost::decoding(part, facts));
    Ok(id)
}

/// Returns the name of the data set that a stage reads: the one that it names, else `[dataset]`, else the only one;
/// `None` if that is ambiguous, which [`check_reference`] reports.
pub(super) fn name_of<'a>(reference: Option<&'a Ref<Dataset>>, pipeline: &'a Pipeline) -> Option<&'a str> {
    let mut names = pipeline.all::<Dataset>().map(|(name, _)| name);
    let default = || pipeline.all::<Dataset>().find(|(name, _)| name.is_empty()).map(|(name, _)| name);
    let only = || match (names.next(), names.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    reference.map(Ref::name).or_else(default).or_else(only)
}

/// Reports a stage that does not name its data set, if there are several and no `[dataset]`.
pub(super) fn check_reference(reference: Option<&Ref<Dataset>>, check: &mut Check<'_>) {
    let names: Vec<&str> = check.pipeline().all::<Dataset>().map(|(name, _)| name).collect();
    if !names.is_empty() && name_of(reference, check.pipeline()).is_none() {
        let listed: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let help = format!("add `dataset`, one of {}, or name one of them `[dataset]`", listed.join(", "));
        check.report(&[], "there are several data sets, and the key `dataset` is missing", help);
    }
}

/// The description of a data set in the report.
#[derive(Debug)]
struct DatasetPart {
    facts: DatasetFacts,
}

impl DatasetPart {
    fn new(facts: &DataFacts) -> Self {
        let (source, image_size) = (facts.config.source.describe(), facts.config.image_size);
        Self { facts: DatasetFacts { source, image_size, ..DatasetFacts::default() } }
    }

    /// Returns whether the report already describes a data set; it describes only the first.
    fn is_described(report: &Report) -> bool {
        !report.dataset.source.is_empty()
    }
}

impl ReportPart for DatasetPart {
    fn describe(&self) -> Value {
        json!({ "dataset": self.facts })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        if Self::is_described(report) {
            return Ok(());
        }
        let directory = shown.artifact("dataset")?;
        let set = ImageDataset::labeled(directory, shown.artifact(TRAIN_IMAGES)?, shown.artifact(TEST_IMAGES)?)?;
        let split = split::open(shown.artifact("split")?, &set)?;
        let shared = split::shared(directory)?;
        let named = |files: &[Skipped]| files.iter().map(|file| (file.name.clone(), file.reason.clone())).collect();
        let none = |name: &String| ClassCount { name: name.clone(), train: 0, validation: 0, test: 0 };
        let mut classes: Vec<ClassCount> = set.classes().iter().map(none).collect();
        split.train.iter().for_each(|image| classes[set.label(*image)].train += 1);
        split.validation.iter().for_each(|image| classes[set.label(*image)].validation += 1);
        split.test.iter().for_each(|image| classes[set.label(*image)].test += 1);
        report.dataset = DatasetFacts {
            classes,
            skipped: named(set.skipped()),
            damaged: named(set.damaged()),
            shared: shared.into_iter().map(|shared| (shared.test, shared.other)).collect(),
            notes: std::mem::take(&mut report.dataset.notes),
            ..self.facts.clone()
        };
        Ok(())
    }

    fn collect_missing(&self, _: &VariantLabel, report: &mut Report) {
        if !Self::is_described(report) {
            report.dataset = DatasetFacts { notes: std::mem::take(&mut report.dataset.notes), ..self.facts.clone() };
        }
    }
}
