//! Graph of stages. A stage is added after its inputs, so there are no cycles and the order of insertion is a
//! topological order.

use crate::base::{Error, Result, hash};
use crate::engine::{Cost, KeyDocument, Stage};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Identifier of a stage in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(usize);

impl StageId {
    /// Returns the position in the graph's order, from 0.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Stages and their inputs, in topological order.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    by_key: HashMap<String, StageId>,
    by_name: HashMap<String, StageId>,
    /// Number of stages that requested each name.
    used: HashMap<String, usize>,
}

#[derive(Clone)]
struct Node {
    stage: Arc<dyn Stage>,
    name: String,
    inputs: BTreeMap<String, StageId>,
    document: KeyDocument,
    text: String,
    key: String,
    cost: Option<Cost>,
}

impl Graph {
    /// Returns a graph without stages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage that reads these inputs, each under its role. If the graph already has a stage with the same key,
    /// that stage is returned, so the variants of a sweep share what their values do not affect. A name already used by
    /// a stage with another key gets a number: `pretrain.main (2)`.
    ///
    /// # Errors
    /// Bugs of the caller: an input from another graph, a duplicate role, or a kind or parameters that give no valid
    /// key.
    pub fn add(&mut self, stage: Box<dyn Stage>, inputs: &[(&str, StageId)]) -> Result<StageId> {
        let inputs = self.by_role(stage.as_ref(), inputs)?;
        let keys = inputs.iter().map(|(role, id)| (role.clone(), self.key(*id).to_owned())).collect();
        let document = KeyDocument::new(stage.as_ref(), keys)?;
        let text = document.text()?;
        let key = hash::digest_bytes(text.as_bytes());
        if let Some(id) = self.by_key.get(&key) {
            return Ok(*id);
        }
        let id = StageId(self.nodes.len());
        let name = self.unique_name(stage.name());
        self.by_key.insert(key.clone(), id);
        self.by_name.insert(name.clone(), id);
        let stage = Arc::from(stage);
        self.nodes.push(Node { stage, name, inputs, document, text, key, cost: None });
        Ok(id)
    }

    fn by_role(&self, stage: &dyn Stage, inputs: &[(&str, StageId)]) -> Result<BTreeMap<String, StageId>> {
        let mut roles = BTreeMap::new();
        for &(role, id) in inputs {
            if id.0 >= self.nodes.len() {
                return Err(Error::bug(format!("input '{role}' belongs to another graph")).at(stage.name()));
            }
            if roles.insert(role.to_owned(), id).is_some() {
                return Err(Error::bug(format!("two inputs have the role '{role}'")).at(stage.name()));
            }
        }
        Ok(roles)
    }

    /// Returns the name, with the first number that makes it unique if it is already used.
    fn unique_name(&mut self, name: String) -> String {
        let number = self.used.entry(name.clone()).or_insert(0);
        loop {
            *number += 1;
            let candidate = if *number == 1 { name.clone() } else { format!("{name} ({number})") };
            if !self.by_name.contains_key(&candidate) {
                return candidate;
            }
        }
    }

    /// Renames a stage, adding a number if the name is already used.
    pub fn rename(&mut self, id: StageId, name: String) {
        self.by_name.remove(&self.nodes[id.0].name);
        let name = self.unique_name(name);
        self.by_name.insert(name.clone(), id);
        self.nodes[id.0].name = name;
    }

    /// Sets the estimated cost of a stage.
    pub fn set_cost(&mut self, id: StageId, cost: Cost) {
        self.nodes[id.0].cost = Some(cost);
    }

    /// Returns the estimated cost of a stage, if known.
    pub fn cost(&self, id: StageId) -> Option<Cost> {
        self.nodes[id.0].cost
    }

    /// Returns the number of stages.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no stages.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Iterates over the stages, each after its inputs.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = StageId> + ExactSizeIterator + use<> {
        (0..self.nodes.len()).map(StageId)
    }

    /// Returns the key of a stage's artifact.
    pub fn key(&self, id: StageId) -> &str {
        &self.nodes[id.0].key
    }

    /// Returns the name of a stage, unique in the graph.
    pub fn name(&self, id: StageId) -> &str {
        &self.nodes[id.0].name
    }

    /// Returns the kind of a stage.
    pub fn kind(&self, id: StageId) -> &str {
        &self.nodes[id.0].document.kind
    }

    /// Returns the stage itself.
    pub fn stage(&self, id: StageId) -> &dyn Stage {
        self.nodes[id.0].stage.as_ref()
    }

    /// Returns the inputs of a stage, by role.
    pub fn inputs(&self, id: StageId) -> &BTreeMap<String, StageId> {
        &self.nodes[id.0].inputs
    }

    /// Returns the document whose digest is the stage's key.
    pub fn key_document(&self, id: StageId) -> &KeyDocument {
        &self.nodes[id.0].document
    }

    /// Returns the canonical text of the key document.
    pub(crate) fn key_text(&self, id: StageId) -> &str {
        &self.nodes[id.0].text
    }

    /// Returns the stage with this key.
    pub(crate) fn with_key(&self, key: &str) -> Option<StageId> {
        self.by_key.get(key).copied()
    }

    /// Returns the stage with this name.
    pub fn with_name(&self, name: &str) -> Option<StageId> {
        self.by_name.get(name).copied()
    }
}
