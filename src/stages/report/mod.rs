//! `report`: collects what the other stages left and renders it. Reads artifacts, recomputes nothing.

mod collect;
mod command;
mod inputs;
mod tested;

use crate::base::Result;
use crate::config::LoadedStudy;
use crate::dataset::{DatasetConfig, SourceConfig};
use crate::engine::{Context, Graph, Stage, StageId};
use crate::render;
use crate::render::data::{DatasetFacts, Report, Reproduce, StageRow};
use crate::stages::formats;
use inputs::Entry;
use serde_json::{Value, json};
use std::path::Path;

pub use inputs::{Inputs, Place};
pub use tested::tested;

/// The report's data, from which it can be drawn again.
pub const DATA: &str = "report.json";

const KIND: &str = "report";

/// Renders the report.
pub struct ReportStage {
    entries: Vec<Entry>,
    frame: Report,
}

impl ReportStage {
    /// The stage, and its inputs by role.
    pub fn new(loaded: &LoadedStudy, graph: &Graph, inputs: Inputs) -> (Self, Vec<(String, StageId)>) {
        let there = inputs.entries.iter().filter(|entry| !entry.is_missing);
        let roles = there.map(|entry| (entry.role.clone(), entry.stage)).collect();
        let study = &loaded.study;
        let mut settings: Vec<String> = Vec::new();
        for (path, _) in study.variants.iter().flat_map(|variant| &variant.settings) {
            if !settings.contains(path) {
                settings.push(path.clone());
            }
        }
        let frame = Report {
            title: study.title.clone(),
            study: study.name.clone(),
            dataset: DatasetFacts {
                notes: inputs.notes,
                ..inputs.data.as_ref().map(dataset_facts).unwrap_or_default()
            },
            settings,
            models: inputs.models,
            stages: stage_rows(graph),
            reproduce: Reproduce {
                command: command::command(loaded),
                resolved_toml: loaded.resolved_toml(),
                versions: vec![("simclr".into(), env!("CARGO_PKG_VERSION").into())],
                seeds: inputs.seeds,
            },
            warnings: inputs.warnings,
            failures: inputs.failures,
            ..Report::default()
        };
        (Self { entries: inputs.entries, frame }, roles)
    }
}

impl Stage for ReportStage {
    fn name(&self) -> String {
        if self.frame.failures.is_empty() { "report".into() } else { "partial report".into() }
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn version(&self) -> u32 {
        6
    }

    fn parameters(&self) -> Value {
        json!({ "entries": self.entries, "frame": self.frame })
    }

    fn explain(&self, parameter: &str, _: &Path) -> Option<String> {
        let is_shown = parameter.starts_with("frame") || parameter.starts_with("entries");
        is_shown.then(|| "what it shows changed".to_owned())
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let mut report = self.frame.clone();
        for entry in &self.entries {
            entry.collect(context, &mut report)?;
        }
        formats::write_json(&context.output().join(DATA), &report)?;
        render::write(&report, context.output())?;
        Ok(String::new())
    }
}

fn dataset_facts(config: &DatasetConfig) -> DatasetFacts {
    let source = match &config.source {
        SourceConfig::ImageFolder(_) => "a directory for each class".to_owned(),
        SourceConfig::Prefixed(_) => "images with the class in their file name".to_owned(),
        SourceConfig::Cifar10(_) => "CIFAR-10".to_owned(),
        SourceConfig::Stl10(_) => "STL-10".to_owned(),
        SourceConfig::Shapes(shapes) => format!("{} kinds of drawn shapes", shapes.classes),
        SourceConfig::Signs(signs) => format!("{} invented handwritten signs", signs.classes),
    };
    DatasetFacts { source, image_size: config.image_size, ..DatasetFacts::default() }
}

fn stage_rows(graph: &Graph) -> Vec<StageRow> {
    let row = |id: StageId| StageRow {
        name: graph.name(id).to_owned(),
        kind: graph.kind(id).to_owned(),
        key: graph.key(id).to_owned(),
        inputs: graph.inputs(id).values().map(|input| graph.name(*input).to_owned()).collect(),
    };
    graph.iter().filter(|id| graph.kind(*id) != KIND).map(row).collect()
}
