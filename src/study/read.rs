//! From the tree of one variant to its checked tables.

use crate::document::{
    self, InvalidSections, PathStep, Problem, Problems, Reference, TableEntry, TomlNode, TomlValue, listed, nearest,
    references, shortened, structure,
};
use crate::engine::store::Verify;
use crate::study::check::{Check, path};
use crate::study::pipeline::Table;
use crate::study::{AnyKind, DeviceChoice, Pipeline, Tables};
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The kinds of sections and the schema of the file that consists of them.
#[derive(Clone, Copy)]
pub(crate) struct Language {
    pub(crate) kinds: &'static [&'static dyn AnyKind],
    pub(crate) schema: &'static Schema,
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.iter().map(|kind| kind.section())).finish()
    }
}

/// Reads and checks the tree of one variant; `None` if a key at the top of the file is invalid.
pub(crate) fn pipeline(root: TomlNode, language: Language, problems: &mut Problems) -> Option<Pipeline> {
    let mut reader = Reader::new(root, language, problems);
    reader.names();
    let references = reader.references();
    let seed = reader.scalar("seed", 0);
    let device = reader.device();
    let verify = reader.scalar("verify", Verify::default());
    let tables = reader.tables(&references);
    let pipeline = Pipeline { seed: seed?, device: device?, verify: verify?, tables };
    let Reader { root, .. } = reader;
    check(&pipeline, &root, language, problems);
    Some(pipeline)
}

/// Runs the checks of every kind on its tables.
fn check(pipeline: &Pipeline, root: &TomlNode, language: Language, problems: &mut Problems) {
    for kind in language.kinds {
        for table in pipeline.tables.iter().filter(|table| table.section == kind.section()) {
            let section = kind.section();
            kind.check(&table.config, &mut Check { pipeline, root, section, name: &table.name, problems });
        }
    }
}

struct Reader<'a> {
    root: TomlNode,
    language: Language,
    /// Names of the tables of each section as declared, in the order of the file.
    declared: Vec<(&'static str, Vec<String>)>,
    invalid: InvalidSections,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn new(mut root: TomlNode, language: Language, problems: &'a mut Problems) -> Self {
        let declared = language.kinds.iter().map(|kind| (kind.section(), names(*kind, &root, language))).collect();
        let invalid = structure::check(&mut root, language.schema, problems);
        Self { root, language, declared, invalid, problems }
    }

    fn report(&mut self, path: &[PathStep], message: impl Into<String>, help: impl Into<Option<String>>) {
        let problem = Problem::new(self.root.span_of(path), message);
        self.problems.report(problem.maybe_help(help.into()));
    }

    fn declared(&self, section: &str) -> Vec<String> {
        self.declared.iter().find(|(other, _)| *other == section).map(|(_, names)| names.clone()).unwrap_or_default()
    }

    /// Reports names of tables that cannot be part of file names.
    fn names(&mut self) {
        for (section, names) in self.declared.clone() {
            for name in names.iter().filter(|name| !name.is_empty() && !is_table_name(name)) {
                let entry = self.root.entry(section).and_then(|entry| entry.node.entry(name));
                let span = entry.map_or(self.root.span, |entry| entry.key_span);
                self.problems.report(
                    Problem::new(span, "names may contain only ASCII letters, digits, `_` and `-`")
                        .help("the name becomes part of file names"),
                );
            }
        }
    }

    /// Returns the references between tables; reports those to tables that do not exist.
    fn references(&mut self) -> Vec<Reference> {
        let found = references(&self.root, &[], self.language.schema);
        for reference in &found {
            if !self.declared(reference.section).contains(&reference.name) {
                self.unknown(reference);
            }
        }
        found
    }

    fn unknown(&mut self, Reference { path, section, name }: &Reference) {
        let declared = self.declared(section);
        let names = || declared.iter().map(String::as_str).filter(|name| !name.is_empty());
        let help = match (nearest(name, names()), names().next()) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, Some(_)) => format!("defined in `{section}`: {}", listed(names())),
            (None, None) => format!("add a section `[{section}.{}]`", shortened(name)),
        };
        self.report(path, format!("there is no `[{section}.{}]`", shortened(name)), help);
    }

    /// Reads a key at the top of the file.
    fn scalar<T: DeserializeOwned>(&mut self, key: &str, default: T) -> Option<T> {
        let path = [PathStep::from(key)];
        if self.root.get(&path).is_none() {
            return Some(default);
        }
        let value = document::read(&mut self.root, &path, self.language.schema, self.problems);
        value.filter(|_| !self.is_tainted(key, ""))
    }

    fn device(&mut self) -> Option<DeviceChoice> {
        let text: String = self.scalar("device", "auto".to_owned())?;
        let device = DeviceChoice::parse(&text);
        if device.is_none() {
            let help = "expected one of \"auto\", \"cpu\", \"cuda\", \"cuda:0\", \"cuda:1\", ...".to_owned();
            self.report(&["device".into()], format!("unknown value \"{}\" for `device`", shortened(&text)), help);
        }
        device
    }

    /// Reads every valid table; within a section, each comes after those that it refers to.
    fn tables(&mut self, references: &[Reference]) -> Vec<Table> {
        let mut tables = Vec::new();
        for kind in self.language.kinds {
            let section = kind.section();
            let within = SectionReferences::new(section, references);
            let (names, cycles) = within.ordered(&self.declared(section));
            cycles.iter().for_each(|cycle| self.report_cycle(section, cycle, &within));
            let declared = self.declared(section);
            for name in names {
                let position = declared.iter().position(|other| *other == name).unwrap_or_default();
                let config = self.table(*kind, &name);
                tables.extend(config.map(|config| Table { section, name, config, position }));
            }
        }
        tables
    }

    fn table(&mut self, kind: &dyn AnyKind, name: &str) -> Option<crate::study::kind::AnyConfig> {
        let section = kind.section();
        let named = if name.is_empty() { self.take_named(kind) } else { Vec::new() };
        let path = path(section, name, &[]);
        let read =
            document::read_with(&mut self.root, &path, self.language.schema, self.problems, |node| kind.read(node));
        if let Some(TomlNode { value: TomlValue::Table(entries), .. }) = self.root.child_mut(&section.into()) {
            entries.extend(named);
        }
        read.filter(|_| !self.is_tainted(section, name))
    }

    /// Takes the named tables out of a section with a default table.
    fn take_named(&mut self, kind: &dyn AnyKind) -> Vec<TableEntry> {
        let schema = &self.language.schema["properties"][kind.section()];
        match self.root.child_mut(&kind.section().into()) {
            Some(TomlNode { value: TomlValue::Table(entries), .. }) => {
                let (named, own) = std::mem::take(entries)
                    .into_iter()
                    .partition(|entry| document::schema::is_named_entry(schema, entry));
                *entries = own;
                named
            }
            _ => Vec::new(),
        }
    }

    fn is_tainted(&self, section: &str, name: &str) -> bool {
        self.invalid.contains(&(section.to_owned(), name.to_owned()))
    }

    /// Reports a cycle of tables that start from each other.
    fn report_cycle(&mut self, section: &str, names: &[String], within: &SectionReferences<'_>) {
        let Some(first) = names.first() else { return };
        let Some(reference) = within.of(first).find(|reference| names.contains(&reference.name)) else { return };
        let cycle: Vec<&str> = names.iter().chain(names.first()).map(String::as_str).collect();
        let key = reference.path.last().and_then(key).unwrap_or_default();
        let message = match names {
            [_] => format!("`[{section}.{first}]` starts from itself"),
            _ => format!("`{key}` forms a cycle: {}", cycle.join(" -> ")),
        };
        let help = format!("remove one `{key}`: one of them must not start from another");
        self.report(&reference.path.clone(), message, help);
    }
}

/// References of the tables of a section to others of the same section.
struct SectionReferences<'a>(HashMap<&'a str, Vec<&'a Reference>>);

impl<'a> SectionReferences<'a> {
    fn new(section: &str, references: &'a [Reference]) -> Self {
        let mut within: HashMap<&str, Vec<&Reference>> = HashMap::new();
        for reference in references.iter().filter(|reference| reference.section == section) {
            if let [PathStep::Key(own), PathStep::Key(from), ..] = reference.path.as_slice()
                && own == section
            {
                within.entry(from).or_default().push(reference);
            }
        }
        Self(within)
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &'a Reference> {
        self.0.get(name).into_iter().flatten().copied()
    }

    /// Returns the names in the order of the file, except that each comes after those that its table refers to, and the
    /// cycles.
    fn ordered(&self, names: &[String]) -> (Vec<String>, Vec<Vec<String>>) {
        let mut search = DepthFirstSearch {
            within: Some(self),
            declared: names.iter().map(String::as_str).collect(),
            ..DepthFirstSearch::default()
        };
        names.iter().for_each(|name| search.visit(name));
        (search.ordered, search.cycles)
    }
}

/// A depth-first search; recursive, since a file has few tables.
#[derive(Default)]
struct DepthFirstSearch<'a> {
    within: Option<&'a SectionReferences<'a>>,
    declared: HashSet<&'a str>,
    done: HashSet<String>,
    chain: Vec<String>,
    ordered: Vec<String>,
    cycles: Vec<Vec<String>>,
}

impl DepthFirstSearch<'_> {
    fn visit(&mut self, name: &str) {
        if let Some(start) = self.chain.iter().position(|other| other == name) {
            self.cycles.push(self.chain[start..].to_vec());
            return;
        }
        if !self.declared.contains(name) || self.done.contains(name) {
            return;
        }
        self.chain.push(name.to_owned());
        let next: Vec<String> = self
            .within
            .into_iter()
            .flat_map(|within| within.of(name))
            .map(|reference| reference.name.clone())
            .collect();
        next.iter().for_each(|next| self.visit(next));
        self.chain.pop();
        self.done.insert(name.to_owned());
        self.ordered.push(name.to_owned());
    }
}

fn names(kind: &dyn AnyKind, root: &TomlNode, language: Language) -> Vec<String> {
    let Some(section) = root.entry(kind.section()) else { return Vec::new() };
    let entries = section.node.entries().iter();
    if kind.tables() == Tables::Named {
        return entries.map(|entry| entry.key.clone()).collect();
    }
    let schema = &language.schema["properties"][kind.section()];
    let (named, own): (Vec<&TableEntry>, Vec<&TableEntry>) =
        entries.partition(|entry| document::schema::is_named_entry(schema, entry));
    let default = (!own.is_empty() || named.is_empty()).then(String::new);
    default.into_iter().chain(named.into_iter().map(|entry| entry.key.clone())).collect()
}

fn key(step: &PathStep) -> Option<String> {
    match step {
        PathStep::Key(key) => Some(key.clone()),
        PathStep::Index(_) => None,
    }
}

/// Returns whether a name can be part of a file name.
fn is_table_name(name: &str) -> bool {
    /// Maximum length of a name in bytes.
    const MAX_LENGTH: usize = 64;
    (1..=MAX_LENGTH).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
