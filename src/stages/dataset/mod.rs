//! `[dataset]` and `[dataset.NAME]`: the images, decoded once, and their split.

mod changes;
mod duplicates;
mod images;
mod labels;
pub(crate) mod split;
mod thumbnails;

pub(crate) use images::SEED;

use crate::base::{Result, hash};
use crate::dataset::source::SourceProblem;
use crate::dataset::{ClassCount, DatasetConfig, ImageDataset, Names, Part, PartNames, Skipped, part_names};
use crate::engine::{Context, StageId};
use crate::imaging::{SixteenBit, Window};
use crate::render::data::{DatasetFacts, Report};
use crate::stages::shared::cost;
use crate::study::{
    Check, DataCheck, DataFacts, Expansion, Pipeline, Ref, ReportPart, Shown, StageKind, Tables, VariantLabel,
};
use images::ImagesStage;
use labels::DatasetStage;
use serde_json::{Value, json};
use split::SplitStage;
use std::path::Path;
use std::sync::Arc;

/// The section `dataset`.
pub struct Dataset;

/// Returns the role of the images of a part.
pub(super) fn role(part: Part) -> &'static str {
    match part {
        Part::Training => "train_images",
        Part::Validation => "validation_images",
        Part::Test => "test_images",
        Part::Unlabeled => "unlabeled_images",
    }
}

/// The nodes of a data set.
#[derive(Clone, Debug)]
pub(crate) struct DatasetNodes {
    /// The decoded images of each part that exists.
    parts: Vec<(Part, StageId)>,
    /// Names and labels of the labeled parts.
    dataset: StageId,
    /// Which training images are for validation.
    split: StageId,
}

impl DatasetNodes {
    /// The inputs of a stage that reads labels.
    pub(crate) fn labeled(&self) -> Vec<(&'static str, StageId)> {
        [self.images(), vec![("dataset", self.dataset), ("split", self.split)]].concat()
    }

    /// The inputs of a stage that reads all images, with the labels of those that have any.
    fn all(&self) -> Vec<(&'static str, StageId)> {
        self.of(&Part::ALL).chain([("dataset", self.dataset)]).collect()
    }

    /// The inputs of a stage that reads training images without labels.
    pub(crate) fn training(&self) -> Vec<(&'static str, StageId)> {
        self.of(&[Part::Training]).chain([("split", self.split)]).collect()
    }

    /// The inputs of a stage that trains without labels: the training images and those that have no labels.
    pub(crate) fn pretraining(&self) -> Vec<(&'static str, StageId)> {
        self.training().into_iter().chain(self.of(&[Part::Unlabeled])).collect()
    }

    /// The inputs of a stage that reads all images but those beside the labeled ones, without labels.
    pub(crate) fn images(&self) -> Vec<(&'static str, StageId)> {
        self.of(&Part::LABELED).collect()
    }

    /// The input of a stage that measures on images without labels: the test images, or the training images if there are
    /// no test images.
    pub(crate) fn measured(&self) -> Vec<(&'static str, StageId)> {
        let test: Vec<_> = self.of(&[Part::Test]).collect();
        if test.is_empty() { self.of(&[Part::Training]).collect() } else { test }
    }

    fn of<'a>(&'a self, parts: &'a [Part]) -> impl Iterator<Item = (&'static str, StageId)> + 'a {
        self.parts.iter().filter(|(part, _)| parts.contains(part)).map(|(part, id)| (role(*part), *id))
    }
}

/// Returns the directories of the parts that a stage has as inputs.
fn parts<'a>(context: &'a Context<'_>, among: &[Part]) -> Vec<(Part, &'a Path)> {
    among.iter().filter_map(|part| Some((*part, context.optional_input(role(*part))?))).collect()
}

/// The images of a stage with labels.
///
/// # Errors
/// An artifact is damaged.
pub(crate) fn images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    ImageDataset::labeled(context.input("dataset")?, &parts(context, &Part::LABELED)).map(Arc::new)
}

/// The images that a stage has as inputs, without labels.
///
/// # Errors
/// An artifact is damaged.
pub(crate) fn unlabeled_images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    ImageDataset::unlabeled(&parts(context, &Part::ALL)).map(Arc::new)
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
        if let SixteenBit::Window(Window { black, white }) = config.sixteen_bit
            && white <= black
        {
            let message = format!("`white` must be greater than `black` ({black}), got {white}");
            check.report(&["sixteen_bit", "window", "white"], message, None);
        }
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

    fn check_data(config: &DatasetConfig, check: &mut DataCheck<'_>) {
        let Ok(facts) = check.facts(check.name()) else { return };
        if config.validation_fraction.is_some() && facts.fingerprint.has(Part::Validation) {
            let message = "the source has validation images of its own: `validation_fraction` has no effect";
            check.report(&["validation_fraction"], message, "remove it".to_owned());
        }
    }

    fn expand(config: &DatasetConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let facts = expansion.facts(expansion.name())?;
        let name = expansion.name().to_owned();
        let existing = Part::ALL.into_iter().filter(|part| facts.fingerprint.has(*part));
        let parts: Vec<(Part, StageId)> =
            existing.map(|part| Ok((part, add_images(part, facts, expansion)?))).collect::<Result<_>>()?;
        let inputs = |among: &[Part]| -> Vec<(&'static str, StageId)> {
            parts.iter().filter(|(part, _)| among.contains(part)).map(|(part, id)| (role(*part), *id)).collect()
        };
        let (fingerprint, memo) = (facts.fingerprint.clone(), expansion.memo().to_owned());
        let dataset = DatasetStage { name: name.clone(), config: facts.config.clone(), fingerprint, memo };
        let dataset = expansion.add(dataset, &inputs(&Part::LABELED))?;
        let split = SplitStage {
            name,
            validation_fraction: config.held_out_for_validation(&facts.fingerprint),
            training: facts.fingerprint.training.clone(),
            seed: expansion.pipeline().seed,
        };
        let split = expansion.add(split, &inputs(&[Part::Training]))?;
        let nodes = DatasetNodes { parts, dataset, split };
        let shown = [nodes.labeled(), nodes.of(&[Part::Unlabeled]).collect()].concat();
        expansion.show(&shown, DatasetPart::new(expansion.name(), facts));
        duplicates::add(facts, &nodes, expansion)?;
        thumbnails::add(facts, &nodes, expansion)?;
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

/// Returns the name of a class in the report.
fn named_class(class: &str) -> String {
    if class.is_empty() { "(no label)".to_owned() } else { class.to_owned() }
}

/// The description of a data set in the report.
#[derive(Debug)]
struct DatasetPart {
    facts: DatasetFacts,
    /// Names of the images without labels beside the labeled ones, in the order of their store.
    unlabeled: Arc<Names>,
}

impl DatasetPart {
    fn new(name: &str, facts: &DataFacts) -> Self {
        let source =
            if facts.is_labeled() { facts.config.source.describe() } else { "images without labels".to_owned() };
        let kinds = facts.fingerprint.passed_over.kinds().into_iter();
        let facts_of_report = DatasetFacts {
            name: name.to_owned(),
            source,
            image_size: facts.config.image_size,
            passed_over: kinds.map(|(kind, count, first)| (kind.to_owned(), count, first.to_owned())).collect(),
            ..DatasetFacts::default()
        };
        Self { facts: facts_of_report, unlabeled: facts.fingerprint.unlabeled_names.clone() }
    }

    /// Returns whether the report already describes the data set, in another variant of a sweep.
    fn is_described(&self, report: &Report) -> bool {
        report.datasets.iter().any(|set| set.name == self.facts.name)
    }
}

impl ReportPart for DatasetPart {
    fn describe(&self) -> Value {
        match self.unlabeled.len() {
            0 => json!({ "dataset": self.facts }),
            _ => json!({ "dataset": self.facts, "unlabeled": hash::digest_list(self.unlabeled.iter()).ok() }),
        }
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        if self.is_described(report) {
            return Ok(());
        }
        let directory = shown.artifact("dataset")?;
        let parts = Part::LABELED.into_iter().filter_map(|part| Some((part, shown.artifact(role(part)).ok()?)));
        let set = ImageDataset::labeled(directory, &parts.collect::<Vec<_>>())?;
        let split = split::open(shown.artifact("split")?, &set)?;
        let named = |files: &[Skipped]| -> Vec<_> {
            files.iter().map(|file| (file.name.clone(), file.reason.clone())).collect()
        };
        let none = |name: &str| ClassCount { name: named_class(name), train: 0, validation: 0, test: 0 };
        let mut classes: Vec<ClassCount> = set.classes().iter().map(|name| none(name)).collect();
        split.train.iter().for_each(|image| classes[set.label(*image)].train += 1);
        split.validation.iter().for_each(|image| classes[set.label(*image)].validation += 1);
        split.test.iter().for_each(|image| classes[set.label(*image)].test += 1);
        let unlabeled = match shown.artifact(role(Part::Unlabeled)) {
            Ok(directory) => part_names(&self.unlabeled, directory)?,
            Err(_) => PartNames::default(),
        };
        if self.unlabeled.len() > 0 {
            classes.push(ClassCount { train: unlabeled.decoded.len(), ..none("") });
        }
        report.datasets.push(DatasetFacts {
            classes,
            skipped: named(&[set.skipped(), &unlabeled.skipped].concat()),
            damaged: named(&[set.damaged(), &unlabeled.damaged].concat()),
            ..self.facts.clone()
        });
        Ok(())
    }

    fn collect_missing(&self, _: &VariantLabel, report: &mut Report) {
        if !self.is_described(report) {
            report.datasets.push(self.facts.clone());
        }
    }
}
