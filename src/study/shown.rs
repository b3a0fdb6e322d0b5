//! The parts of the report, collected while the graph is built.

use crate::base::{Error, Result};
use crate::engine::{Context, Graph, RunOutcome, StageId};
use crate::render::data::Report;
use crate::study::part::{ReportPart, Shown, VariantLabel};
use crate::study::variants::Values;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// One part of the report with the stages that it is read from.
#[derive(Clone, Debug)]
struct PartEntry {
    /// Roles of the report's inputs by the part's own roles.
    roles: Vec<(String, String)>,
    stages: Vec<StageId>,
    variant: VariantLabel,
    /// Whether an artifact is missing because a stage failed.
    is_missing: bool,
    part: Arc<dyn ReportPart>,
    description: Value,
}

/// The parts of the report, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    entries: Vec<PartEntry>,
    /// Indices of the entries by their first stage.
    by_stage: HashMap<StageId, Vec<usize>>,
}

impl Parts {
    /// Adds a part that is read from these stages by role. A part that several variants share is added once.
    pub(super) fn add(&mut self, stages: &[(&str, StageId)], part: Arc<dyn ReportPart>) {
        let Some((_, first)) = stages.first() else { return };
        let description = part.describe();
        let of_stage = self.by_stage.entry(*first).or_default();
        if of_stage.iter().any(|number| self.entries[*number].description == description) {
            return;
        }
        let number = self.entries.len();
        of_stage.push(number);
        let role = |role: &str| match stages {
            [_] => format!("{number:04}"),
            _ => format!("{number:04}.{role}"),
        };
        self.entries.push(PartEntry {
            roles: stages.iter().map(|(own, _)| ((*own).to_owned(), role(own))).collect(),
            stages: stages.iter().map(|(_, stage)| *stage).collect(),
            variant: VariantLabel::default(),
            is_missing: false,
            part,
            description,
        });
    }

    /// Returns whether a part is read from a stage.
    pub(super) fn has(&self, stage: StageId) -> bool {
        self.by_stage.contains_key(&stage)
    }

    /// Labels each part with the swept values that its stages depend on: those of the one that depends on most.
    pub(crate) fn name_variants(&mut self, values: &[Values]) {
        for entry in &mut self.entries {
            let of_stages = entry.stages.iter().filter_map(|stage| values.get(stage.index()));
            let most = of_stages.max_by_key(|values| values.len());
            entry.variant = most.map(VariantLabel::new).unwrap_or_default();
        }
    }

    /// Marks the parts whose artifacts are missing after a run; returns the failed stages with their errors.
    pub(crate) fn mark_missing(&mut self, graph: &Graph, outcome: &RunOutcome) -> Vec<(String, String)> {
        let is_missing = |stage: &StageId| outcome.artifacts.get(stage.index()).is_none_or(Option::is_none);
        for entry in &mut self.entries {
            entry.is_missing = entry.stages.iter().any(is_missing);
        }
        let named = |(id, error): &(StageId, Error)| (graph.name(*id).to_owned(), error.to_string());
        outcome.failures.iter().map(named).collect()
    }

    /// Returns the inputs of the report, by role.
    pub(crate) fn inputs(&self) -> Vec<(String, StageId)> {
        let existing = self.entries.iter().filter(|entry| !entry.is_missing);
        existing
            .flat_map(|entry| entry.roles.iter().map(|(_, role)| role.clone()).zip(entry.stages.iter().copied()))
            .collect()
    }

    /// Returns everything besides the artifacts that determines the report.
    pub(crate) fn describe(&self) -> Value {
        let describe = |entry: &PartEntry| {
            json!({
                "roles": entry.roles,
                "variant": entry.variant,
                "is_missing": entry.is_missing,
                "part": entry.description,
            })
        };
        self.entries.iter().map(describe).collect()
    }

    /// Reads every part into the report.
    ///
    /// # Errors
    /// An artifact cannot be read.
    pub(crate) fn collect(&self, context: &Context<'_>, report: &mut Report) -> Result<()> {
        for entry in &self.entries {
            if entry.is_missing {
                entry.part.collect_missing(&entry.variant, report);
            } else {
                entry.part.collect(&Shown { context, roles: &entry.roles, variant: &entry.variant }, report)?;
            }
        }
        Ok(())
    }
}
