//! From the tables of a pipeline to the nodes of the graph.

use crate::base::{Error, Result};
use crate::engine::{Cost, Graph, Stage, StageId};
use crate::study::part::ReportPart;
use crate::study::shown::Parts;
use crate::study::variants::StageVariants;
use crate::study::{AnyKind, DataFacts, Facts, Pipeline, StageKind};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Function that returns what to change so that a stage fits into this many bytes of memory.
pub type Fits = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// The graph of a study, over all its variants, and the contents of its report.
#[derive(Default)]
pub(crate) struct Expanded {
    pub(crate) graph: Graph,
    pub(crate) parts: Parts,
    pub(crate) stage_variants: StageVariants,
    /// Summary tables of the models, by name.
    pub(crate) models: Vec<(String, String)>,
    /// What fits into memory, for the stages that need much.
    pub(crate) fits: BTreeMap<StageId, Fits>,
    /// Notes on the data, one sentence each.
    pub(crate) notes: Vec<String>,
    /// Warnings about the data, one sentence each.
    pub(crate) warnings_of_data: Vec<String>,
    /// Warnings about the comparisons, one sentence each.
    pub(crate) warnings: Vec<String>,
}

impl Expanded {
    /// Adds the stages of the variant with this number.
    ///
    /// # Errors
    /// Bugs of a kind.
    pub(crate) fn expand(
        &mut self,
        kinds: &[&dyn AnyKind],
        pipeline: &Pipeline,
        facts: &Facts,
        number: usize,
        memo: &Path,
    ) -> Result<()> {
        let memo = memo.to_owned();
        let (name, provided) = (String::new(), BTreeMap::new());
        let mut expansion = Expansion { expanded: self, pipeline, facts, number, memo, name, provided };
        for kind in kinds {
            for table in pipeline.tables.iter().filter(|table| table.section == kind.section()) {
                expansion.name.clone_from(&table.name);
                kind.expand(&table.config, &mut expansion)?;
            }
        }
        for warning in kinds.iter().flat_map(|kind| kind.warnings(pipeline, &expansion)).collect::<Vec<_>>() {
            if !expansion.expanded.warnings.contains(&warning) {
                expansion.expanded.warnings.push(warning);
            }
        }
        Ok(())
    }
}

/// Adds the stages of one variant to the graph, table by table.
pub struct Expansion<'a> {
    pub(super) expanded: &'a mut Expanded,
    pub(super) pipeline: &'a Pipeline,
    pub(super) facts: &'a Facts,
    /// Number of the variant.
    pub(super) number: usize,
    /// File that caches the digests of image files.
    pub(super) memo: PathBuf,
    pub(super) name: String,
    pub(super) provided: BTreeMap<(&'static str, String), Arc<dyn Any + Send + Sync>>,
}

impl<'a> Expansion<'a> {
    /// Returns the name of the table; empty for the default table.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the tables of the variant.
    pub(crate) fn pipeline(&self) -> &'a Pipeline {
        self.pipeline
    }

    /// Returns the facts of a data set.
    ///
    /// # Errors
    /// The file does not have it, which is a bug.
    pub(crate) fn facts(&self, dataset: &str) -> Result<&'a DataFacts> {
        self.facts.of(dataset)
    }

    /// Returns the file that caches the digests of image files.
    pub(crate) fn memo(&self) -> &Path {
        &self.memo
    }

    /// Adds a stage that reads these inputs, each under its role. An equal stage of another variant is the same node.
    ///
    /// # Errors
    /// Bugs of the caller, as for [`Graph::add`].
    pub(crate) fn add(&mut self, stage: impl Stage + 'static, inputs: &[(&str, StageId)]) -> Result<StageId> {
        let id = self.expanded.graph.add(Box::new(stage), inputs)?;
        self.expanded.stage_variants.add(id, self.number);
        Ok(id)
    }

    /// Records the estimated cost of a stage, if known.
    pub(crate) fn cost(&mut self, id: StageId, cost: impl Into<Option<Cost>>) {
        cost.into().into_iter().for_each(|cost| self.expanded.graph.set_cost(id, cost));
    }

    /// Records what to change so that a stage fits into memory.
    pub(crate) fn fits(&mut self, id: StageId, fits: Fits) {
        self.expanded.fits.insert(id, fits);
    }

    /// Adds a part to the report, read from these stages by role.
    pub(crate) fn show(&mut self, stages: &[(&str, StageId)], part: impl ReportPart + 'static) {
        self.expanded.parts.add(stages, Arc::new(part));
    }

    /// Returns whether a part of the report is read from a stage.
    pub(crate) fn is_shown(&self, stage: StageId) -> bool {
        self.expanded.parts.has(stage)
    }

    /// Adds the summary table of a model to the report.
    pub(crate) fn model(&mut self, name: String, summary: String) {
        let model = (name, summary);
        if !self.expanded.models.contains(&model) {
            self.expanded.models.push(model);
        }
    }

    /// Provides a value to the kinds that refer to this table.
    pub(crate) fn provide<K: StageKind, T: Any + Send + Sync>(&mut self, value: T) {
        self.provided.insert((K::SECTION, self.name.clone()), Arc::new(value));
    }

    /// Returns the value that another table provides.
    ///
    /// # Errors
    /// It provides no value of this type, which is a bug: its section comes later in the list of kinds.
    pub(crate) fn provided<K: StageKind, T: Any + Send + Sync>(&self, name: &str) -> Result<Arc<T>> {
        let value = self.provided.get(&(K::SECTION, name.to_owned())).cloned();
        let value = value.and_then(|value| value.downcast().ok());
        value.ok_or_else(|| Error::bug(format!("[{}.{name}] provides nothing to [{}]", K::SECTION, self.name)))
    }
}
