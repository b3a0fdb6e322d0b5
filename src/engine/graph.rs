//! The graph of stages. A stage is added after its inputs, so there are no cycles and the order of addition is an
//! order to run in.

use crate::base::{Error, Result, hash};
use crate::engine::{Cost, KeyDocument, Stage};
use std::collections::{BTreeMap, HashMap};

/// A stage of one [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(usize);

impl StageId {
    /// Place in the graph's order, from 0.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Stages and what each reads, in an order in which they can run.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<Node>,
    by_key: HashMap<String, StageId>,
    by_name: HashMap<String, StageId>,
    /// How many stages asked for each name.
    used: HashMap<String, usize>,
}

struct Node {
    stage: Box<dyn Stage>,
    name: String,
    inputs: BTreeMap<String, StageId>,
    document: KeyDocument,
    text: String,
    key: String,
    cost: Option<Cost>,
}

impl Graph {
    /// A graph without stages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage that reads these inputs, each under its role. A stage whose key is there already is that stage,
    /// so the variants of a sweep share what their values do not touch; a name that is taken by a stage with another
    /// key gets a number: `pretrain.main (2)`.
    ///
    /// # Errors
    /// Bugs of the caller: an input of another graph, a role given twice, a kind or parameters that make no key.
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
        let name = self.free_name(stage.name());
        self.by_key.insert(key.clone(), id);
        self.by_name.insert(name.clone(), id);
        self.nodes.push(Node { stage, name, inputs, document, text, key, cost: None });
        Ok(id)
    }

    fn by_role(&self, stage: &dyn Stage, inputs: &[(&str, StageId)]) -> Result<BTreeMap<String, StageId>> {
        let mut roles = BTreeMap::new();
        for &(role, id) in inputs {
            if id.0 >= self.nodes.len() {
                return Err(Error::bug(format!("input '{role}' is a stage of another graph")).at(stage.name()));
            }
            if roles.insert(role.to_owned(), id).is_some() {
                return Err(Error::bug(format!("two inputs have the role '{role}'")).at(stage.name()));
            }
        }
        Ok(roles)
    }

    /// The name, or with the first number that makes it one of its own.
    fn free_name(&mut self, name: String) -> String {
        let number = self.used.entry(name.clone()).or_insert(0);
        loop {
            *number += 1;
            let candidate = if *number == 1 { name.clone() } else { format!("{name} ({number})") };
            if !self.by_name.contains_key(&candidate) {
                return candidate;
            }
        }
    }

    /// Gives a stage another name, with a number where that is taken.
    pub fn rename(&mut self, id: StageId, name: String) {
        self.by_name.remove(&self.nodes[id.0].name);
        let name = self.free_name(name);
        self.by_name.insert(name.clone(), id);
        self.nodes[id.0].name = name;
    }

    /// Says what computing a stage takes, where that can be told beforehand.
    pub fn set_cost(&mut self, id: StageId, cost: Cost) {
        self.nodes[id.0].cost = Some(cost);
    }

    /// What computing a stage takes, if that is known.
    pub fn cost(&self, id: StageId) -> Option<Cost> {
        self.nodes[id.0].cost
    }

    /// Number of stages.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no stages.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The stages, each after its inputs.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = StageId> + ExactSizeIterator + use<> {
        (0..self.nodes.len()).map(StageId)
    }

    /// Key of a stage's artifact.
    pub fn key(&self, id: StageId) -> &str {
        &self.nodes[id.0].key
    }

    /// Name of a stage, unlike any other in the graph.
    pub fn name(&self, id: StageId) -> &str {
        &self.nodes[id.0].name
    }

    /// Kind of a stage.
    pub fn kind(&self, id: StageId) -> &str {
        &self.nodes[id.0].document.kind
    }

    /// The stage itself.
    pub fn stage(&self, id: StageId) -> &dyn Stage {
        self.nodes[id.0].stage.as_ref()
    }

    /// What a stage reads, by role.
    pub fn inputs(&self, id: StageId) -> &BTreeMap<String, StageId> {
        &self.nodes[id.0].inputs
    }

    /// What a stage's key is a digest of.
    pub fn key_document(&self, id: StageId) -> &KeyDocument {
        &self.nodes[id.0].document
    }

    /// Canonical text of the key document.
    pub(crate) fn key_text(&self, id: StageId) -> &str {
        &self.nodes[id.0].text
    }

    /// The stage with this key.
    pub fn with_key(&self, key: &str) -> Option<StageId> {
        self.by_key.get(key).copied()
    }

    /// The stage with this name.
    pub fn with_name(&self, name: &str) -> Option<StageId> {
        self.by_name.get(name).copied()
    }
}
