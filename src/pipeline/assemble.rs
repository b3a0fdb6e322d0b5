//! From a checked study to the graph of its stages.

use crate::base::text::visible;
use crate::base::{Error, Result};
use crate::dataset::{self, DatasetConfig, Fingerprint};
use crate::document::Diagnostics;
use crate::engine::{Graph, RunOutcome, StageId};
use crate::pipeline::report::{Frame, ReportStage};
use crate::pipeline::{LoadedStudy, language};
use crate::stages::Dataset;
use crate::study::variants::{name_by_values, values_by_stage};
use crate::study::{ClassCount, DataFacts, DeviceChoice, Expanded, Facts, Fits, Parts, Pipeline};
use std::collections::BTreeMap;
use std::fmt;
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
    /// What a user should know before anything is trained, one sentence each.
    pub warnings: Vec<String>,
    fits: BTreeMap<StageId, Fits>,
    frame: Frame,
    parts: Parts,
}

impl Assembly {
    /// What to change so that a training run fits into so many bytes; none for other stages.
    pub fn what_fits(&self, id: StageId, bytes: u64) -> Option<String> {
        self.fits.get(&id).map(|fits| fits(bytes))
    }

    /// After a run in which stages failed: the report becomes one of what exists, with the places of what is missing.
    ///
    /// # Errors
    /// None but bugs.
    pub fn report_existing(&mut self, loaded: &LoadedStudy, outcome: &RunOutcome) -> Result<()> {
        let mut parts = self.parts.clone();
        let failures = parts.without_failed(&self.graph, outcome);
        self.report = add_report(loaded, &mut self.graph, parts, Frame { failures, ..self.frame.clone() })?;
        Ok(())
    }
}

fn add_report(loaded: &LoadedStudy, graph: &mut Graph, parts: Parts, frame: Frame) -> Result<StageId> {
    let inputs = parts.inputs();
    let inputs: Vec<(&str, StageId)> = inputs.iter().map(|(role, id)| (role.as_str(), *id)).collect();
    let stage = ReportStage::new(loaded, graph, parts, frame);
    graph.add(Box::new(stage), &inputs)
}

/// Why a study does not become a graph.
#[derive(Debug)]
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

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(diagnostics) => diagnostics.fmt(f),
            Self::Data(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AssembleError {}

/// Builds the graph of a study. Looks at the data sets (which files they have, and the content of those that are not known
/// yet), computes nothing.
///
/// # Errors
/// The data cannot be read, or does not suit what the file asks of it.
pub fn assemble(loaded: &LoadedStudy, output: &Path, device: Option<DeviceChoice>) -> Result<Assembly, AssembleError> {
    let mut survey = Survey { memo: output.join(DIGESTS), known: Vec::new() };
    let mut expanded = Expanded::default();
    let mut seeds: Vec<u64> = Vec::new();
    for (number, variant) in loaded.study.variants.iter().enumerate() {
        let mut pipeline = variant.pipeline.clone();
        pipeline.device = device.unwrap_or(pipeline.device);
        let facts = survey.facts(&pipeline)?;
        for facts in facts.0.values() {
            // The report counts shared images by their pixels.
            add_new(&mut expanded.warnings_of_data, dataset::shared::warning(&facts.fingerprint));
            add_new(&mut expanded.notes, dataset::notes(&facts.config, &facts.fingerprint));
        }
        loaded.check_data(number, &facts)?;
        expanded.expand(language().kinds, &pipeline, &facts, number, &survey.memo)?;
        if !seeds.contains(&pipeline.seed) {
            seeds.push(pipeline.seed);
        }
    }
    finished(loaded, expanded, seeds).map_err(AssembleError::Data)
}

fn finished(loaded: &LoadedStudy, expanded: Expanded, seeds: Vec<u64>) -> Result<Assembly> {
    let Expanded { mut graph, mut parts, users, models, fits, notes, warnings, warnings_of_data } = expanded;
    let values = values_by_stage(&users, &loaded.study);
    name_by_values(&mut graph, &values);
    parts.name_variants(&values);
    let all = warnings_of_data.iter().chain(&notes).chain(&warnings);
    let shown = all.map(|warning| visible(warning).into_owned()).collect();
    let frame = Frame { models, seeds, notes, warnings, failures: Vec::new() };
    let report = add_report(loaded, &mut graph, parts.clone(), frame.clone())?;
    Ok(Assembly { graph, report, study: loaded.study.name.clone(), warnings: shown, fits, frame, parts })
}

/// Adds what is new: variants of a sweep say the same.
fn add_new(known: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for text in more {
        if !known.contains(&text) {
            known.push(text);
        }
    }
}

/// Looks at the data sets of a study, at each once.
struct Survey {
    memo: PathBuf,
    known: Vec<(DatasetConfig, Fingerprint)>,
}

impl Survey {
    fn facts(&mut self, pipeline: &Pipeline) -> Result<Facts> {
        let of = |(name, config): (&str, &DatasetConfig)| {
            let fingerprint = self.fingerprint(config)?;
            let classes = class_counts(&fingerprint, config.validation_fraction, pipeline.seed);
            Ok((name.to_owned(), DataFacts { config: config.clone(), fingerprint, classes }))
        };
        pipeline.all::<Dataset>().map(of).collect::<Result<_>>().map(Facts)
    }

    fn fingerprint(&mut self, config: &DatasetConfig) -> Result<Fingerprint> {
        if let Some((_, known)) = self.known.iter().find(|(other, _)| other == config) {
            return Ok(known.clone());
        }
        let fingerprint = dataset::fingerprint(config, &self.memo)?;
        self.known.push((config.clone(), fingerprint.clone()));
        Ok(fingerprint)
    }
}

fn class_counts(fingerprint: &Fingerprint, validation_fraction: f64, seed: u64) -> Vec<ClassCount> {
    let sizes = dataset::split_sizes(fingerprint, validation_fraction, seed);
    let count = |(class, (train, validation, test)): (&dataset::ClassSize, (usize, usize, usize))| ClassCount {
        name: class.name.clone(),
        train,
        validation,
        test,
    };
    fingerprint.classes.iter().zip(sizes).map(count).collect()
}
