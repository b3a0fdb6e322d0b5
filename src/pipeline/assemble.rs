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
use crate::study::{DataFacts, DeviceChoice, Expanded, Facts, Fits, Parts, Pipeline};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Returns the file under an output directory that caches the digests of image files.
pub(crate) fn digests(output: &Path) -> PathBuf {
    output.join("digests.json")
}

/// A study as a graph.
#[derive(Clone)]
pub struct Assembly {
    /// The stages.
    pub graph: Graph,
    /// The stage that renders the report.
    pub report: StageId,
    /// Name of the study.
    pub study: String,
    /// Warnings to show before anything is trained, one sentence each.
    pub warnings: Vec<String>,
    /// What the sources have besides images, and images that cannot be read, one sentence each.
    pub passed_over: Vec<String>,
    /// The data sets of the study's first variant.
    pub(crate) data: Facts,
    fits: BTreeMap<StageId, Fits>,
    frame: Frame,
    parts: Parts,
}

impl Assembly {
    /// Returns everything to show before anything is trained.
    pub fn messages(&self) -> impl Iterator<Item = &String> {
        self.warnings.iter().chain(&self.passed_over)
    }

    /// Returns what to change so that a training run fits into this many bytes; `None` for other stages.
    pub(crate) fn what_fits(&self, id: StageId, bytes: u64) -> Option<String> {
        self.fits.get(&id).map(|fits| fits(bytes))
    }

    /// Returns the study with a report of the artifacts that exist, after a run in which stages failed; missing results
    /// are marked.
    ///
    /// # Errors
    /// Only bugs.
    pub(crate) fn report_existing(&self, loaded: &LoadedStudy, outcome: &RunOutcome) -> Result<Self> {
        let mut study = self.clone();
        let mut parts = study.parts.clone();
        let failures = parts.mark_missing(&study.graph, outcome);
        study.report = add_report(loaded, &mut study.graph, parts, Frame { failures, ..study.frame.clone() })?;
        Ok(study)
    }
}

fn add_report(loaded: &LoadedStudy, graph: &mut Graph, parts: Parts, frame: Frame) -> Result<StageId> {
    let inputs = parts.inputs();
    let inputs: Vec<(&str, StageId)> = inputs.iter().map(|(role, id)| (role.as_str(), *id)).collect();
    let stage = ReportStage::new(loaded, graph, parts, frame);
    graph.add(Box::new(stage), &inputs)
}

/// Error in building the graph of a study.
#[derive(Debug)]
pub enum AssembleError {
    /// The configuration does not fit the data.
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

/// Builds the graph of a study. Lists the files of the data sets and reads those whose digests are not cached; computes
/// nothing else.
///
/// # Errors
/// The data cannot be read, or the configuration does not fit it.
pub fn assemble(loaded: &LoadedStudy, output: &Path, device: Option<DeviceChoice>) -> Result<Assembly, AssembleError> {
    let mut survey = Survey { memo: digests(output), fingerprints: Vec::new() };
    let mut expanded = Expanded::default();
    let (mut seeds, mut passed_over, mut data): (Vec<u64>, Vec<String>, Option<Facts>) = (Vec::new(), Vec::new(), None);
    for (number, variant) in loaded.study.variants.iter().enumerate() {
        let mut pipeline = variant.pipeline.clone();
        pipeline.device = device.unwrap_or(pipeline.device);
        let facts = survey.facts(&pipeline)?;
        let several = facts.0.len() > 1;
        for (name, facts) in &facts.0 {
            // The report counts duplicates by their pixels.
            let duplicates = dataset::duplicate_files::warnings(&facts.config, &facts.fingerprint);
            add_new(&mut expanded.warnings_of_data, if several { of_table(name, duplicates) } else { duplicates }?);
            // The report has a table of them.
            add_new(&mut passed_over, dataset::passed_over(&facts.config, &facts.fingerprint));
            add_new(&mut passed_over, dataset::unreadable(&facts.config, &facts.fingerprint));
            add_new(&mut expanded.notes, dataset::notes(&facts.config, &facts.fingerprint));
        }
        loaded.check_data(number, &facts)?;
        expanded.expand(language().kinds, &pipeline, &facts, number, &survey.memo)?;
        data.get_or_insert(facts);
        if !seeds.contains(&pipeline.seed) {
            seeds.push(pipeline.seed);
        }
    }
    let assembly = into_assembly(loaded, expanded, seeds).map_err(AssembleError::Data)?;
    let passed_over = passed_over.iter().map(|sentence| visible(sentence).into_owned()).collect();
    Ok(Assembly { passed_over, data: data.unwrap_or_default(), ..assembly })
}

/// Names the table of a data set in its warnings or their error.
fn of_table(name: &str, warnings: Result<Vec<String>>) -> Result<Vec<String>> {
    let table = if name.is_empty() { "[dataset]".to_owned() } else { format!("[dataset.{name}]") };
    let named = |warning| format!("{table}: {warning}");
    warnings.map(|warnings| warnings.into_iter().map(named).collect()).map_err(|error| error.at(table.clone()))
}

fn into_assembly(loaded: &LoadedStudy, expanded: Expanded, seeds: Vec<u64>) -> Result<Assembly> {
    let Expanded { mut graph, mut parts, stage_variants, models, fits, notes, warnings, warnings_of_data } = expanded;
    let values = values_by_stage(&stage_variants, &loaded.study);
    name_by_values(&mut graph, &values);
    parts.name_variants(&values);
    let all = warnings_of_data.iter().chain(&notes).chain(&warnings);
    let shown = all.map(|warning| visible(warning).into_owned()).collect();
    let frame = Frame { models, seeds, notes, warnings, failures: Vec::new() };
    let report = add_report(loaded, &mut graph, parts.clone(), frame.clone())?;
    Ok(Assembly {
        graph,
        report,
        study: loaded.study.name.clone(),
        warnings: shown,
        passed_over: Vec::new(),
        data: Facts::default(),
        fits,
        frame,
        parts,
    })
}

/// Adds the texts that are not in the list yet; the variants of a sweep often share them.
fn add_new(texts: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for text in more {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
}

/// Reads the data sets of a study, each of them once.
struct Survey {
    memo: PathBuf,
    fingerprints: Vec<(DatasetConfig, Fingerprint)>,
}

impl Survey {
    fn facts(&mut self, pipeline: &Pipeline) -> Result<Facts> {
        let data_facts = |(name, config): (&str, &DatasetConfig)| {
            let fingerprint = self.fingerprint(config)?;
            let classes =
                dataset::split_sizes(&fingerprint, config.held_out_for_validation(&fingerprint), pipeline.seed);
            Ok((name.to_owned(), DataFacts { config: config.clone(), fingerprint, classes }))
        };
        pipeline.all::<Dataset>().map(data_facts).collect::<Result<_>>().map(Facts)
    }

    fn fingerprint(&mut self, config: &DatasetConfig) -> Result<Fingerprint> {
        if let Some((_, known)) = self.fingerprints.iter().find(|(other, _)| other == config) {
            return Ok(known.clone());
        }
        let fingerprint = dataset::fingerprint(config, &self.memo)?;
        self.fingerprints.push((config.clone(), fingerprint.clone()));
        Ok(fingerprint)
    }
}
