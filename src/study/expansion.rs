//! From the tables of a pipeline to the nodes of the graph.

use crate::base::{Error, Result};
use crate::engine::{Cost, Graph, Stage, StageId};
use crate::study::part::ReportPart;
use crate::study::shown::Parts;
use crate::study::variants::Users;
use crate::study::{AnyKind, DataFacts, Facts, Pipeline, StageKind};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to change so that a stage fits into so many bytes of memory.
pub type Fits = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// What a study becomes, over all its variants.
#[derive(Default)]
pub struct Expanded {
    pub(crate) graph: Graph,
    pub(crate) parts: Parts,
    pub(crate) users: Users,
    /// Summary tables of the models, by name.
    pub(crate) models: Vec<(String, String)>,
    /// What fits, for the stages that hold much.
    pub(crate) fits: BTreeMap<StageId, Fits>,
    /// What a user should know of the data, one sentence each.
    pub(crate) notes: Vec<String>,
    /// What a user should be warned of in the data, one sentence each.
    pub(crate) warnings_of_data: Vec<String>,
    /// What a reader of the comparisons has to know, one sentence each.
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
    /// File that remembers digests of image files.
    pub(super) memo: PathBuf,
    pub(super) name: String,
    pub(super) provided: BTreeMap<(&'static str, String), Arc<dyn Any + Send + Sync>>,
}

impl<'a> Expansion<'a> {
    /// Name of the table; empty for one without a name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tables of the variant.
    pub fn pipeline(&self) -> &'a Pipeline {
        self.pipeline
    }

    /// What is known of a data set.
    ///
    /// # Errors
    /// It is not one of the file, which is a bug.
    pub fn facts(&self, dataset: &str) -> Result<&'a DataFacts> {
        self.facts.of(dataset)
    }

    /// File that remembers digests of image files.
    pub fn memo(&self) -> &Path {
        &self.memo
    }

    /// Adds a stage that reads these inputs, each under its role. An equal stage of another variant is the same node.
    ///
    /// # Errors
    /// Bugs of the caller, as for [`Graph::add`].
    pub fn add(&mut self, stage: impl Stage + 'static, inputs: &[(&str, StageId)]) -> Result<StageId> {
        let id = self.expanded.graph.add(Box::new(stage), inputs)?;
        self.expanded.users.add(id, self.number);
        Ok(id)
    }

    /// Records what computing a stage takes, where that is known beforehand.
    pub fn cost(&mut self, id: StageId, cost: impl Into<Option<Cost>>) {
        cost.into().into_iter().for_each(|cost| self.expanded.graph.set_cost(id, cost));
    }

    /// Records what to change so that a stage fits into memory.
    pub fn fits(&mut self, id: StageId, fits: Fits) {
        self.expanded.fits.insert(id, fits);
    }

    /// Adds a part to the report, read from these stages by role.
    pub fn show(&mut self, stages: &[(&str, StageId)], part: impl ReportPart + 'static) {
        self.expanded.parts.add(stages, Arc::new(part));
    }

    /// Whether a part of the report is read from a stage.
    pub fn is_shown(&self, stage: StageId) -> bool {
        self.expanded.parts.has(stage)
    }

    /// Adds the summary table of a model to the report.
    pub fn model(&mut self, name: String, summary: String) {
        let model = (name, summary);
        if !self.expanded.models.contains(&model) {
            self.expanded.models.push(model);
        }
    }

    /// Leaves something for the kinds that refer to this table.
    pub fn provide<K: StageKind, T: Any + Send + Sync>(&mut self, value: T) {
        self.provided.insert((K::SECTION, self.name.clone()), Arc::new(value));
    }

    /// What another table has left.
    ///
    /// # Errors
    /// It has left nothing of this type, which is a bug: its section comes later in the list of kinds.
    pub fn provided<K: StageKind, T: Any + Send + Sync>(&self, name: &str) -> Result<Arc<T>> {
        let value = self.provided.get(&(K::SECTION, name.to_owned())).cloned();
        let value = value.and_then(|value| value.downcast().ok());
        value.ok_or_else(|| Error::bug(format!("[{}.{name}] has left nothing for [{}]", K::SECTION, self.name)))
    }
}
