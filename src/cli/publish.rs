//! Publishes the results of a run: the report, or the one of the artifacts that exist.

use super::results::RunResults;
use super::{interrupt, output};
use crate::base::Result;
use crate::engine::{self, Event, EventSink, RunOptions, RunOutcome, Store};
use crate::pipeline::{self, Assembly, LoadedStudy};
use std::path::Path;

/// Publishes the results of a run.
pub(super) struct ResultsWriter<'a> {
    pub(super) store: &'a Store,
    /// The output directory.
    pub(super) output: &'a Path,
    /// The run's directory.
    pub(super) run: &'a Path,
    /// Names and values that identify the run in its report.
    pub(super) facts: Vec<(String, String)>,
    pub(super) events: &'a dyn EventSink,
}

impl ResultsWriter<'_> {
    /// Publishes the report. A run with `--only` has none unless the report was selected.
    pub(super) fn results(&self, assembly: &Assembly, outcome: &RunOutcome) -> Result<RunResults> {
        let Some(artifact) = outcome.artifacts[assembly.report.index()].clone() else {
            return Ok(RunResults::None("no report: run again without --only"));
        };
        let published = pipeline::publish(assembly, outcome, self.store, self.output)?;
        published.damage.iter().map(published_again).for_each(|text| self.warn(assembly, text));
        // The copy in the run's directory is optional: the results are already published.
        if let Err(error) = pipeline::publish_run(assembly, outcome, self.store, self.run, &self.facts) {
            self.warn(assembly, format!("cannot keep a copy of the report with the run: {error}"));
        }
        Ok(RunResults::Report { page: published.page, artifact })
    }

    /// Prints why stages failed, and renders the report from the artifacts that exist.
    pub(super) fn partial_results(
        &self,
        loaded: &LoadedStudy,
        assembly: &Assembly,
        outcome: &RunOutcome,
    ) -> Result<RunResults> {
        outcome.failures.iter().for_each(|(_, error)| output::print_error(error));
        if !outcome.skipped.iter().any(|(id, _)| *id == assembly.report) {
            return Ok(RunResults::None("no report"));
        }
        let assembly = assembly.report_existing(loaded, outcome)?;
        let report = assembly.graph.name(assembly.report).to_owned();
        let options = RunOptions { only: vec![report], ..RunOptions::default() };
        let outcome = engine::run(&assembly.graph, self.store, &options, self.events, interrupt::flag())?;
        self.results(&assembly, &outcome)
    }

    fn warn(&self, assembly: &Assembly, text: String) {
        self.events.emit(&Event::Warning { stage: assembly.graph.name(assembly.report).to_owned(), text });
    }
}

/// Formats the warning about a damaged published report.
pub(super) fn published_again(damage: &String) -> String {
    format!("the published report was damaged ({damage}) and has been published again")
}
