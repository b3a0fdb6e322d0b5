//! `report`: collects and renders the results of the other stages. Reads artifacts, recomputes nothing.

mod command;

use crate::base::Result;
use crate::document::schema::defaults::with_defaults;
use crate::engine::{Context, Graph, Stage, StageId, StageSummary};
use crate::pipeline::LoadedStudy;
use crate::pipeline::language::language;
use crate::render;
use crate::render::data::{Report, Reproduce, StageRow};
use crate::stages::shared::artifacts;
use crate::study::Parts;
use serde_json::{Value, json};
use std::path::Path;

/// The report's data, from which it can be rendered again.
pub(crate) const DATA: &str = "report.json";

const KIND: &str = "report";

/// Contents of the report that do not come from artifacts.
#[derive(Clone, Default)]
pub(super) struct Frame {
    /// Summary tables of the models, by name.
    pub(super) models: Vec<(String, String)>,
    /// Seeds of the variants.
    pub(super) seeds: Vec<u64>,
    /// Notes on the data, one sentence each.
    pub(super) notes: Vec<String>,
    /// Warnings about the comparisons, one sentence each.
    pub(super) warnings: Vec<String>,
    /// Stages that failed, and why.
    pub(super) failures: Vec<(String, String)>,
}

/// Renders the report.
pub(super) struct ReportStage {
    parts: Parts,
    /// The report without the contents of artifacts.
    template: Report,
}

impl ReportStage {
    pub(super) fn new(loaded: &LoadedStudy, graph: &Graph, parts: Parts, frame: Frame) -> Self {
        let study = &loaded.study;
        let mut settings: Vec<String> = Vec::new();
        for (path, _) in study.variants.iter().flat_map(|variant| &variant.settings) {
            if !settings.contains(path) {
                settings.push(path.clone());
            }
        }
        let template = Report {
            title: study.title.clone(),
            study: study.name.clone(),
            notes: frame.notes,
            settings,
            models: frame.models,
            stages: stage_rows(graph),
            reproduce: Reproduce {
                command: command::command(loaded),
                complete_toml: with_defaults(&loaded.resolved_toml(), language().schema).unwrap_or_default(),
                resolved_toml: loaded.resolved_toml(),
                versions: vec![("simclr".into(), env!("CARGO_PKG_VERSION").into())],
                seeds: frame.seeds,
            },
            warnings: frame.warnings,
            failures: frame.failures,
            ..Report::default()
        };
        Self { parts, template }
    }
}

impl Stage for ReportStage {
    fn name(&self) -> String {
        if self.template.failures.is_empty() { "report".into() } else { "partial report".into() }
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn version(&self) -> u32 {
        10
    }

    fn parameters(&self) -> Value {
        json!({ "entries": self.parts.describe(), "frame": self.template })
    }

    fn explain(&self, parameter: &str, _: &Path) -> Option<String> {
        let is_shown = parameter.starts_with("frame") || parameter.starts_with("entries");
        is_shown.then(|| "its content changed".to_owned())
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let mut report = self.template.clone();
        self.parts.collect(context, &mut report)?;
        artifacts::write_json(&context.output().join(DATA), &report)?;
        render::write(&report, context.output())?;
        Ok(StageSummary::default())
    }
}

/// Returns the stages that the report shows.
pub(super) fn stage_rows(graph: &Graph) -> Vec<StageRow> {
    let row = |id: StageId| StageRow {
        name: graph.name(id).to_owned(),
        kind: graph.kind(id).to_owned(),
        key: graph.key(id).to_owned(),
        inputs: graph.inputs(id).values().map(|input| graph.name(*input).to_owned()).collect(),
    };
    graph.iter().filter(|id| graph.kind(*id) != KIND).map(row).collect()
}
