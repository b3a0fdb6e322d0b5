//! `[dataset]` and `[dataset.NAME]`: the images, decoded once, and their split.

mod decode;
pub mod split;

pub use decode::{SEED, images, open};

use crate::base::Result;
use crate::dataset::config::TrainTestConfig;
use crate::dataset::{DatasetConfig, Skipped, SourceConfig};
use crate::engine::StageId;
use crate::render::data::{DatasetFacts, Report};
use crate::stages::shared::cost;
use crate::study::{Check, DataFacts, Expansion, Pipeline, Ref, ReportPart, Shown, StageKind, Tables, VariantLabel};
use decode::DatasetStage;
use serde_json::{Value, json};
use split::SplitStage;
use std::path::Path;

/// The section `dataset`.
pub struct Dataset;

/// Maximum number of synthetic images: they are kept in memory.
const MAX_SYNTHETIC: usize = 1_000_000;

/// Maximum of the shorter side of stored images.
const MAX_STORED_SIZE: usize = 4096;

/// The nodes of a data set.
#[derive(Clone, Copy, Debug)]
pub struct DatasetNodes {
    /// The decoded images.
    pub dataset: StageId,
    /// Their split.
    pub split: StageId,
}

impl DatasetNodes {
    /// The inputs of a stage that reads both.
    pub fn inputs(&self) -> [(&'static str, StageId); 2] {
        [("dataset", self.dataset), ("split", self.split)]
    }
}

impl StageKind for Dataset {
    const SECTION: &'static str = "dataset";
    const TABLES: Tables = Tables::DefaultAndNamed;
    const IS_COMPUTED: bool = false;
    type Config = DatasetConfig;

    fn check(config: &DatasetConfig, check: &mut Check<'_>) {
        if let Some(side) = config.stored_size
            && !(config.image_size..=MAX_STORED_SIZE).contains(&side)
        {
            let range = format!("between `image_size` ({}) and {MAX_STORED_SIZE}", config.image_size);
            check.report(&["stored_size"], format!("`stored_size` must be {range}, got {side}"), None);
        }
        match &config.source {
            SourceConfig::ImageFolder(directories) => check_directories("image_folder", directories, check),
            SourceConfig::Prefixed(directories) => check_directories("prefixed", directories, check),
            SourceConfig::Cifar10(files) => check_path(&["cifar10", "path"], &files.path, check),
            SourceConfig::Stl10(files) => check_path(&["stl10", "path"], &files.path, check),
            SourceConfig::Shapes(shapes) => {
                check_synthetic("shapes", shapes.classes, [shapes.train, shapes.test], check);
            }
            SourceConfig::Signs(signs) => check_synthetic("signs", signs.classes, [signs.train, signs.test], check),
        }
    }

    fn expand(config: &DatasetConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let facts = expansion.facts(expansion.name())?;
        let name = expansion.name().to_owned();
        let dataset = expansion.add(
            DatasetStage {
                name: name.clone(),
                config: facts.config.clone(),
                fingerprint: facts.fingerprint.clone(),
                memo: expansion.memo().to_owned(),
            },
            &[],
        )?;
        expansion.cost(dataset, cost::decoding(facts));
        let seed = expansion.pipeline().seed;
        let split = SplitStage { name, validation_fraction: config.validation_fraction, seed };
        let split = expansion.add(split, &[("dataset", dataset)])?;
        let nodes = DatasetNodes { dataset, split };
        expansion.show(&nodes.inputs(), DatasetPart::new(facts));
        expansion.provide::<Self, _>(nodes);
        Ok(())
    }
}

fn check_directories(kind: &str, directories: &TrainTestConfig, check: &mut Check<'_>) {
    let fraction = ["source", kind, "test_fraction"];
    if directories.test.is_some() && check.is_written(&fraction) {
        let help = "remove one of the two".to_owned();
        check.report(&fraction, "`test_fraction` cannot be combined with a `test` directory", help);
    } else if directories.test.is_none() && directories.test_fraction >= 1.0 {
        check.report(&fraction, "`test_fraction` must be below 1: otherwise no training images are left", None);
    }
    check_path(&[kind, "train"], &directories.train, check);
    if let Some(test) = &directories.test {
        check_path(&[kind, "test"], test, check);
    }
}

fn check_path(keys: &[&str], path: &Path, check: &mut Check<'_>) {
    if path.as_os_str().is_empty() {
        check.report(&[&["source"], keys].concat(), "the path is empty", None);
    }
}

fn check_synthetic(kind: &str, classes: usize, [train, test]: [usize; 2], check: &mut Check<'_>) {
    for (key, count) in [("train", train), ("test", test)] {
        let keys = ["source", kind, key];
        if count < classes {
            let message = format!("`{key}` must be at least the number of classes ({classes}), got {count}");
            check.report(&keys, message, None);
        } else if count > MAX_SYNTHETIC {
            check.report(&keys, format!("`{key}` must be at most {MAX_SYNTHETIC}, got {count}"), None);
        }
    }
}

/// The name of the data set that a stage reads: the one that it names, or `[dataset]`, or the only one there is. None where
/// that is not clear, which [`check_reference`] reports.
pub(super) fn name_of<'a>(reference: Option<&'a Ref<Dataset>>, pipeline: &'a Pipeline) -> Option<&'a str> {
    let mut names = pipeline.all::<Dataset>().map(|(name, _)| name);
    let default = || pipeline.all::<Dataset>().find(|(name, _)| name.is_empty()).map(|(name, _)| name);
    let only = || match (names.next(), names.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    reference.map(Ref::name).or_else(default).or_else(only)
}

/// Reports a stage that does not name its data set where there are several and no `[dataset]`.
pub(super) fn check_reference(reference: Option<&Ref<Dataset>>, check: &mut Check<'_>) {
    let names: Vec<&str> = check.pipeline().all::<Dataset>().map(|(name, _)| name).collect();
    if !names.is_empty() && name_of(reference, check.pipeline()).is_none() {
        let listed: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let help = format!("add `dataset`, one of {}, or name one of them `[dataset]`", listed.join(", "));
        check.report(&[], "there are several data sets, and the key `dataset` is missing", help);
    }
}

/// What the report says of a data set.
#[derive(Debug)]
struct DatasetPart {
    facts: DatasetFacts,
}

impl DatasetPart {
    fn new(facts: &DataFacts) -> Self {
        let (source, image_size) = (source(&facts.config.source), facts.config.image_size);
        Self { facts: DatasetFacts { source, image_size, ..DatasetFacts::default() } }
    }

    /// Whether the report describes a data set already; it describes the first.
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
        let set = open(shown.artifact("dataset")?)?;
        let directory = shown.artifact("split")?;
        let split = split::open(directory, &set)?;
        let shared = split::shared(directory, &set, &split)?;
        let named = |files: &[Skipped]| files.iter().map(|file| (file.name.clone(), file.reason.clone())).collect();
        let mut classes: Vec<(String, usize, usize, usize)> =
            set.classes().iter().map(|class| (class.clone(), 0, 0, 0)).collect();
        split.train.iter().for_each(|image| classes[set.label(*image)].1 += 1);
        split.validation.iter().for_each(|image| classes[set.label(*image)].2 += 1);
        split.test.iter().for_each(|image| classes[set.label(*image)].3 += 1);
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

fn source(source: &SourceConfig) -> String {
    match source {
        SourceConfig::ImageFolder(_) => "one directory per class".to_owned(),
        SourceConfig::Prefixed(_) => "images with the class in the file name".to_owned(),
        SourceConfig::Cifar10(_) => "CIFAR-10".to_owned(),
        SourceConfig::Stl10(_) => "STL-10".to_owned(),
        SourceConfig::Shapes(shapes) => format!("{} classes of synthetic shapes", shapes.classes),
        SourceConfig::Signs(signs) => format!("{} classes of synthetic handwritten signs", signs.classes),
    }
}
