//! From the tree of one variant to its checked pipeline: references, and what no single value can tell.

mod classifier;
mod dataset;
mod evaluation;
mod parts;
mod pretrain;

use crate::augment::PolicyConfig;
use crate::config::diagnostic::{Problem, Problems};
use crate::config::nearest::{listed, nearest, shortened};
use crate::config::node::{Node, Step, Value};
use crate::config::pipeline::{DeviceChoice, Pipeline, Pretrain};
use crate::config::raw::RawPretrain;
use crate::config::section::read;
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Place;
use crate::config::structure::{self, Tainted};
use crate::engine::store::Verify;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// Builds the pipeline of a tree; none where something that it cannot do without is wrong.
pub(super) fn pipeline(root: Node, directory: &Path, problems: &mut Problems) -> Option<Pipeline> {
    let mut checker = Checker::new(root, problems);
    checker.references();
    let seed = checker.scalar("seed", 0);
    let device = checker.device();
    let verify = checker.scalar("verify", Verify::default());
    let dataset = checker.dataset(directory);
    let policies = checker.policies();
    let raw: Named<RawPretrain> = checker.named("pretrain");
    let pretrain = checker.pretrains(&raw, &policies);
    let linear_eval = checker.linear_evals(&raw);
    let knn_eval = checker.knn_evals(&raw);
    let supervised = checker.supervised(&raw, &policies);
    let embed = checker.embeds(&raw);
    let validated = checker.first_choosing_on_validation(&linear_eval, &supervised);
    checker.validation_split(dataset.as_ref(), validated);
    Some(Pipeline {
        seed: seed?,
        device: device?,
        verify: verify?,
        dataset: dataset?,
        augment: policies,
        pretrain,
        linear_eval,
        knn_eval,
        supervised,
        embed,
    })
}

/// Keys that name a table of another section: (section, key, section of the table).
const REFERENCES: [(&str, &str, &str); 7] = [
    ("pretrain", "augment", "augment"),
    ("pretrain", "init_from", "pretrain"),
    ("linear_eval", "from", "pretrain"),
    ("knn_eval", "from", "pretrain"),
    ("supervised", "augment", "augment"),
    ("supervised", "init_from", "pretrain"),
    ("embed", "from", "pretrain"),
];

/// What `augment` of a supervised network is where its images are not augmented.
const NO_POLICY: &str = "none";

/// Named tables of a section in the order of the file; none where one could not be read.
type Named<T> = Vec<(String, Option<T>)>;

/// The tree that is checked, the names that it had at first, and what was found.
struct Checker<'a> {
    root: Node,
    declared: BTreeMap<&'static str, Vec<String>>,
    tainted: Tainted,
    problems: &'a mut Problems,
}

impl<'a> Checker<'a> {
    fn new(mut root: Node, problems: &'a mut Problems) -> Self {
        let names = |section| root.entry(section).map_or(&[][..], |entry| entry.node.entries()).iter();
        let declared = NAMED_SECTIONS
            .into_iter()
            .map(|section| (section, names(section).map(|entry| entry.key.clone()).collect()))
            .collect();
        for entry in NAMED_SECTIONS.into_iter().flat_map(names) {
            if !is_stage_name(&entry.key) {
                problems.report(
                    Problem::new(entry.key_place, "a name is made of letters, digits, `_` and `-`")
                        .help("it becomes part of file names, without blanks and signs"),
                );
            }
        }
        let tainted = structure::check(&mut root, problems);
        Self { root, declared, tainted, problems }
    }

    fn report(&mut self, path: &[Step], message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = Problem::new(self.root.place_of(path), message);
        self.problems.report(problem.maybe_help(help.into()));
    }

    /// The value at a path of the file; none where something in it is wrong, which has been reported then.
    fn read<T: DeserializeOwned>(&mut self, path: &[&str]) -> Option<T> {
        let steps: Vec<Step> = path.iter().map(|key| Step::from(*key)).collect();
        let value = read(&mut self.root, &steps, self.problems);
        let owner = (path.first().copied().unwrap_or_default(), path.get(1).copied().unwrap_or_default());
        value.filter(|_| !self.tainted.contains(&(owner.0.to_owned(), owner.1.to_owned())))
    }

    /// The string at a path, where the file has one.
    fn text(&self, path: &[Step]) -> Option<&str> {
        match self.root.get(path) {
            Some(Node { place, value: Value::Text(text) }) if *place != Place::NOWHERE => Some(text),
            _ => None,
        }
    }

    /// Whether a key is written in the file.
    fn is_written(&self, path: &[Step]) -> bool {
        self.root.get(path).is_some()
    }

    /// A value at the top of the file.
    fn scalar<T: DeserializeOwned>(&mut self, key: &str, default: T) -> Option<T> {
        if self.is_written(&[key.into()]) { self.read(&[key]) } else { Some(default) }
    }

    fn device(&mut self) -> Option<DeviceChoice> {
        let text: String = self.scalar("device", "auto".to_owned())?;
        let device = match text.as_str() {
            "auto" => Some(DeviceChoice::Auto),
            "cpu" => Some(DeviceChoice::Cpu),
            "cuda" => Some(DeviceChoice::Cuda(0)),
            other => other.strip_prefix("cuda:").and_then(|number| number.parse().ok()).map(DeviceChoice::Cuda),
        };
        if device.is_none() {
            let help = "it is one of \"auto\", \"cpu\", \"cuda\", \"cuda:0\", \"cuda:1\", ...".to_owned();
            self.report(&["device".into()], format!("unknown value \"{}\" of `device`", shortened(&text)), help);
        }
        device
    }

    fn named<T: DeserializeOwned>(&mut self, section: &'static str) -> Named<T> {
        let names = self.declared.get(section).cloned().unwrap_or_default();
        names
            .into_iter()
            .map(|name| {
                let raw = self.read(&[section, &name]);
                (name, raw)
            })
            .collect()
    }

    fn policies(&mut self) -> BTreeMap<String, PolicyConfig> {
        let policies: Named<PolicyConfig> = self.named("augment");
        for (name, policy) in &policies {
            if name == NO_POLICY {
                let message = format!("a policy cannot be called `{NO_POLICY}`");
                let help = format!("`augment = \"{NO_POLICY}\"` is training without augmentation: choose another name");
                self.report(&["augment".into(), name.into()], message, help);
            }
            if let Some(policy) = policy {
                self.policy(Stage { section: "augment", name }, policy);
            }
        }
        policies.into_iter().filter_map(|(name, policy)| Some((name, policy?))).collect()
    }

    /// Names of other tables, wherever a stage has one.
    fn references(&mut self) {
        for (section, key, target) in REFERENCES {
            for name in self.declared.get(section).cloned().unwrap_or_default() {
                let stage = Stage { section, name: &name };
                if let Some(referred) = self.text(&stage.at(&[key])).map(str::to_owned)
                    && !(stage.section == "supervised" && key == "augment" && referred == NO_POLICY)
                {
                    self.reference(stage, key, target, &referred);
                }
            }
        }
    }

    /// Reports a name that no table of the section has.
    fn reference(&mut self, stage: Stage<'_>, key: &str, section: &'static str, name: &str) {
        let declared = self.declared.get(section).cloned().unwrap_or_default();
        if declared.iter().any(|other| other == name) {
            return;
        }
        let names = || declared.iter().map(String::as_str);
        let help = match (nearest(name, names()), declared.is_empty()) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, false) => format!("there is {}", listed(names())),
            (None, true) => format!("write a section `[{section}.{}]`, with its keys", shortened(name)),
        };
        self.report(&stage.at(&[key]), format!("there is no `[{section}.{}]`", shortened(name)), help);
    }
}

/// A named table.
#[derive(Clone, Copy)]
struct Stage<'a> {
    section: &'static str,
    name: &'a str,
}

impl Stage<'_> {
    /// The path of a key in it.
    fn at(self, keys: &[&str]) -> Vec<Step> {
        [self.section, self.name].iter().chain(keys).map(|key| Step::from(*key)).collect()
    }

    /// The path of an element of a list in it.
    fn element(self, key: &str, index: usize) -> Vec<Step> {
        let mut path = self.at(&[key]);
        path.push(index.into());
        path
    }
}

/// The pretraining with this name, where it could be read.
fn find<'a>(pretrains: &'a Named<RawPretrain>, name: &str) -> Option<&'a RawPretrain> {
    pretrains.iter().find(|(other, _)| other == name).and_then(|(_, raw)| raw.as_ref())
}

fn is_stage_name(name: &str) -> bool {
    /// Longest name of a stage: it is part of file names.
    const LONGEST: usize = 64;
    (1..=LONGEST).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Puts each pretraining after the one that it starts from; the order of the file otherwise.
fn in_order_of_start(pretrains: Vec<Pretrain>) -> Vec<Pretrain> {
    let mut waiting = pretrains;
    let mut ordered: Vec<Pretrain> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|candidate| match &candidate.init_from {
            Some(start) => !waiting.iter().any(|other| other.name == *start),
            None => true,
        });
        // None is ready only in a cycle, which has been reported.
        ordered.push(waiting.remove(ready.unwrap_or(0)));
    }
    ordered
}
