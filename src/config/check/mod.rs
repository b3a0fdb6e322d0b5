//! Checks of the tree of one variant: references between tables and combinations of values.

mod classifier;
mod dataset;
mod evaluation;
mod pretrain;
mod shared;

use crate::augment::PolicyConfig;
use crate::config::diagnostic::{Problem, Problems};
use crate::config::nearest::{listed, nearest, shortened};
use crate::config::node::{PathStep, TomlNode, TomlValue};
use crate::config::pipeline::{DeviceChoice, Pipeline, Pretrain};
use crate::config::raw::RawPretrain;
use crate::config::section::read;
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Span;
use crate::config::structure::{self, InvalidSections};
use crate::engine::store::Verify;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// Builds the pipeline of a tree; none if a value that it needs is invalid.
pub(super) fn pipeline(root: TomlNode, directory: &Path, problems: &mut Problems) -> Option<Pipeline> {
    let mut checker = Checker::new(root, problems);
    checker.references();
    let seed = checker.scalar("seed", 0);
    let device = checker.device();
    let verify = checker.scalar("verify", Verify::default());
    let dataset = checker.dataset(directory);
    let policies = checker.policies();
    let raw: NamedTables<RawPretrain> = checker.named("pretrain");
    let pretrain = checker.pretrains(&raw, &policies);
    let linear_eval = checker.linear_evals(&raw);
    let knn_eval = checker.knn_evals(&raw);
    let supervised = checker.supervised(&raw, &policies);
    let embed = checker.embeds(&raw);
    let stage = checker.first_selecting_on_validation(&linear_eval, &supervised);
    checker.validation_split(dataset.as_ref(), stage);
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

/// Value of `augment` of a supervised network without augmentation.
const NO_POLICY: &str = "none";

/// Named tables of a section in the order of the file; none for a table that could not be read.
type NamedTables<T> = Vec<(String, Option<T>)>;

/// The tree that is checked, the names that it declares, and the problems found.
struct Checker<'a> {
    root: TomlNode,
    declared: BTreeMap<&'static str, Vec<String>>,
    invalid: InvalidSections,
    problems: &'a mut Problems,
}

impl<'a> Checker<'a> {
    fn new(mut root: TomlNode, problems: &'a mut Problems) -> Self {
        let names = |section| root.entry(section).map_or(&[][..], |entry| entry.node.entries()).iter();
        let declared = NAMED_SECTIONS
            .into_iter()
            .map(|section| (section, names(section).map(|entry| entry.key.clone()).collect()))
            .collect();
        for entry in NAMED_SECTIONS.into_iter().flat_map(names) {
            if !is_table_name(&entry.key) {
                problems.report(
                    Problem::new(entry.key_span, "names may contain only ASCII letters, digits, `_` and `-`")
                        .help("the name becomes part of file names"),
                );
            }
        }
        let invalid = structure::check(&mut root, problems);
        Self { root, declared, invalid, problems }
    }

    fn report(&mut self, path: &[PathStep], message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = Problem::new(self.root.span_of(path), message);
        self.problems.report(problem.maybe_help(help.into()));
    }

    /// Reads the value at a path of the file; none if anything in it is invalid, which is reported.
    fn read<T: DeserializeOwned>(&mut self, path: &[&str]) -> Option<T> {
        let steps: Vec<PathStep> = path.iter().map(|key| PathStep::from(*key)).collect();
        let value = read(&mut self.root, &steps, self.problems);
        let owner = (path.first().copied().unwrap_or_default(), path.get(1).copied().unwrap_or_default());
        value.filter(|_| !self.invalid.contains(&(owner.0.to_owned(), owner.1.to_owned())))
    }

    /// Returns the string at a path, if the file has one.
    fn text(&self, path: &[PathStep]) -> Option<&str> {
        match self.root.get(path) {
            Some(TomlNode { span, value: TomlValue::String(text) }) if *span != Span::NOWHERE => Some(text),
            _ => None,
        }
    }

    /// Whether the file sets a key.
    fn is_written(&self, path: &[PathStep]) -> bool {
        self.root.get(path).is_some()
    }

    /// Reads a value at the top of the file.
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
            let help = "expected one of \"auto\", \"cpu\", \"cuda\", \"cuda:0\", \"cuda:1\", ...".to_owned();
            self.report(&["device".into()], format!("unknown value \"{}\" for `device`", shortened(&text)), help);
        }
        device
    }

    fn named<T: DeserializeOwned>(&mut self, section: &'static str) -> NamedTables<T> {
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
        let policies: NamedTables<PolicyConfig> = self.named("augment");
        for (name, policy) in &policies {
            if name == NO_POLICY {
                let message = format!("a policy cannot be named `{NO_POLICY}`");
                let help = format!("`augment = \"{NO_POLICY}\"` means no augmentation: choose another name");
                self.report(&["augment".into(), name.into()], message, help);
            }
            if let Some(policy) = policy {
                self.policy(TableRef { section: "augment", name }, policy);
            }
        }
        policies.into_iter().filter_map(|(name, policy)| Some((name, policy?))).collect()
    }

    /// Checks every reference to another table.
    fn references(&mut self) {
        for (section, key, target) in REFERENCES {
            for name in self.declared.get(section).cloned().unwrap_or_default() {
                let stage = TableRef { section, name: &name };
                if let Some(referred) = self.text(&stage.at(&[key])).map(str::to_owned)
                    && !(stage.section == "supervised" && key == "augment" && referred == NO_POLICY)
                {
                    self.reference(stage, key, target, &referred);
                }
            }
        }
    }

    /// Reports a reference to a table that does not exist.
    fn reference(&mut self, stage: TableRef<'_>, key: &str, section: &'static str, name: &str) {
        let declared = self.declared.get(section).cloned().unwrap_or_default();
        if declared.iter().any(|other| other == name) {
            return;
        }
        let names = || declared.iter().map(String::as_str);
        let help = match (nearest(name, names()), declared.is_empty()) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, false) => format!("defined in `{section}`: {}", listed(names())),
            (None, true) => format!("add a section `[{section}.{}]`", shortened(name)),
        };
        self.report(&stage.at(&[key]), format!("there is no `[{section}.{}]`", shortened(name)), help);
    }
}

/// The section and name of a named table.
#[derive(Clone, Copy)]
struct TableRef<'a> {
    section: &'static str,
    name: &'a str,
}

impl TableRef<'_> {
    /// Returns the path of a key in it.
    fn at(self, keys: &[&str]) -> Vec<PathStep> {
        [self.section, self.name].iter().chain(keys).map(|key| PathStep::from(*key)).collect()
    }

    /// Returns the path of a list element in it.
    fn element(self, key: &str, index: usize) -> Vec<PathStep> {
        let mut path = self.at(&[key]);
        path.push(index.into());
        path
    }
}

/// Returns the pretraining stage with this name, if it could be read.
fn find<'a>(pretrains: &'a NamedTables<RawPretrain>, name: &str) -> Option<&'a RawPretrain> {
    pretrains.iter().find(|(other, _)| other == name).and_then(|(_, raw)| raw.as_ref())
}

fn is_table_name(name: &str) -> bool {
    /// Maximum length of a name, which becomes part of file names.
    const MAX_LENGTH: usize = 64;
    (1..=MAX_LENGTH).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Sorts each pretraining stage after the one that it starts from, otherwise in the order of the file.
fn in_dependency_order(pretrains: Vec<Pretrain>) -> Vec<Pretrain> {
    let mut pending = pretrains;
    let mut ordered: Vec<Pretrain> = Vec::with_capacity(pending.len());
    while !pending.is_empty() {
        let ready = pending.iter().position(|candidate| match &candidate.init_from {
            Some(start) => !pending.iter().any(|other| other.name == *start),
            None => true,
        });
        // No stage is ready only in a cycle, which has been reported.
        ordered.push(pending.remove(ready.unwrap_or(0)));
    }
    ordered
}
