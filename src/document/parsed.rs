//! From a file to its tree: what it extends merged in, settings of the command line made, the sweep taken out.

use crate::document::diagnostic::{Problem, Problems};
use crate::document::extends::extended;
use crate::document::file::is_blank;
use crate::document::node::TomlNode;
use crate::document::schema::{self, formerly};
use crate::document::setting::{Override, parse_override};
use crate::document::source::{SourceText, Span};
use crate::document::sweep::{self, Axis, Combination};
use crate::document::text::parse_file;
use crate::document::{limits, paths, written_out};
use serde_json::Value as Schema;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A file as a tree, with the texts that it comes from.
#[derive(Debug)]
pub(crate) struct Document {
    path: PathBuf,
    overrides: Vec<String>,
    /// The file, the settings, then the files that are extended, nearest first.
    pub(crate) sources: Vec<SourceText>,
    /// The tree with the settings of the command line, without the sweep.
    pub(crate) root: TomlNode,
    pub(super) axes: Vec<Axis>,
    /// Where the sweep is written.
    sweep: Span,
    pub(super) schema: &'static Schema,
    /// Earlier names of keys.
    formerly: HashSet<&'static str>,
}

/// One combination of the values of a sweep.
pub(crate) struct Variant {
    /// The values that make it, as (dotted path, value as TOML text).
    pub(crate) settings: Vec<(String, String)>,
    /// The tree with them.
    pub(crate) tree: TomlNode,
}

impl Document {
    /// Parses the text of a file; relative paths in it are relative to the directory of `path`, which is not read.
    /// `overrides` are settings `path=value` that win over the file. `sources` gets the texts that spans refer to, also
    /// where there is no tree.
    pub(crate) fn parse(
        text: &str,
        path: &Path,
        overrides: &[String],
        schema: &'static Schema,
        sources: &mut Vec<SourceText>,
        problems: &mut Problems,
    ) -> Option<Self> {
        sources.push(SourceText::of_file(path, text.to_owned()));
        sources.extend(overrides.iter().map(|text| SourceText::of_setting(text)));
        let mut root = parse_text(text, problems)?;
        formerly::rename(&mut root, schema);
        let mut root = extended(root, schema, sources, problems)?;
        has_stages(&root, schema, problems);
        let settings: Vec<Override> =
            (1..).zip(overrides).filter_map(|(source, text)| parse_override(text, source, schema, problems)).collect();
        settings.iter().for_each(|setting| setting.apply(&mut root, schema, problems));
        formerly::rename(&mut root, schema);
        let sweep = root.entry("sweep").map_or(root.span, |entry| entry.key_span);
        let axes = sweep::take(&mut root, &settings, schema, sources, problems);
        let document = Self {
            path: path.to_owned(),
            overrides: overrides.to_vec(),
            sources: sources.clone(),
            root,
            axes,
            sweep,
            schema,
            formerly: formerly::names(schema),
        };
        document.within_limits(problems)?.with_related_paths(problems)
    }

    fn within_limits(self, problems: &mut Problems) -> Option<Self> {
        let stages = limits::stages(&self.root, self.schema).saturating_mul(sweep::combinations(&self.axes).count());
        match limits::of_tree(&self.root, self.schema).or_else(|| limits::of_study(stages, self.sweep)) {
            Some(problem) => {
                problems.report(problem);
                None
            }
            None => Some(self),
        }
    }

    /// Paths, in the tree and among swept values, become relative to the directory of the file. Where something is wrong
    /// the sweep is dropped: with a setting that could not be made, what is swept is not what is meant.
    fn with_related_paths(mut self, problems: &Problems) -> Option<Self> {
        paths::relate(&mut self.root, &[], self.schema, &self.sources);
        for key in self.axes.iter_mut().flat_map(|axis| &mut axis.keys) {
            let at = key.steps();
            key.values.iter_mut().for_each(|value| paths::relate(value, &at, self.schema, &self.sources));
        }
        if !problems.is_empty() {
            self.axes.clear();
        }
        Some(self)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that relative paths are relative to.
    pub(crate) fn directory(&self) -> PathBuf {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        path.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        self.sources.first().map_or("", |source| &source.text)
    }

    /// The file and those that it extends, nearest first, with their texts.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.sources.iter().filter_map(|source| Some((source.file.as_deref()?, source.text.as_str())))
    }

    /// The settings `path=value` that win over the file.
    pub(crate) fn overrides(&self) -> &[String] {
        &self.overrides
    }

    /// The combinations of the sweep, in order; the last one comes with a problem where there are too many stages.
    pub(crate) fn variants(&self, problems: &mut Problems) -> Vec<Variant> {
        let mut stages: usize = 0;
        let mut variants = Vec::new();
        for combination in sweep::combinations(&self.axes) {
            let tree = self.tree_of(&combination, problems);
            // The sweep can change how many there are.
            stages = stages.saturating_add(limits::stages(&tree, self.schema));
            let too_large = limits::of_tree(&tree, self.schema);
            if let Some(problem) = too_large.or_else(|| limits::of_study(stages, self.sweep)) {
                problems.report(problem);
                break;
            }
            variants.push(Variant { settings: combination.settings(&self.sources), tree });
        }
        variants
    }

    /// The tree of the variant with this number.
    pub(crate) fn tree(&self, number: usize) -> TomlNode {
        // What could be set while loading can be set again.
        self.tree_of(&sweep::combination(&self.axes, number), &mut Problems::default())
    }

    /// Places of the values of the file that the sweep replaces in every variant. They must be right all the same.
    pub(crate) fn swept_places(&self) -> HashSet<Span> {
        let keys = self.axes.iter().flat_map(|axis| &axis.keys);
        keys.filter_map(|key| self.root.get(&key.steps())).flat_map(TomlNode::spans).collect()
    }

    /// The whole file as one TOML text, under this name: files that are extended are merged in, settings of the command
    /// line are made, `[sweep]` has what is still swept. Keys are sorted, except for named tables and swept keys, whose
    /// order means something; there are no comments. Relative paths are relative to the directory of the file: read
    /// there, the text is the same as the file.
    pub(crate) fn written_out(&self, name: &str) -> String {
        written_out::written_out(self, name)
    }

    /// The tree without the values of the sweep.
    pub(crate) fn own_tree(&self) -> TomlNode {
        self.prepared(self.root.clone())
    }

    fn prepared(&self, mut tree: TomlNode) -> TomlNode {
        // Swept values may have them.
        if formerly::has_any(&tree, &self.formerly) {
            formerly::rename(&mut tree, self.schema);
        }
        paths::make_absolute(&mut tree, self.schema, &self.directory());
        tree
    }

    fn tree_of(&self, combination: &Combination<'_>, problems: &mut Problems) -> TomlNode {
        let mut tree = self.root.clone();
        combination.apply(&mut tree, self.schema, problems);
        self.prepared(tree)
    }
}

fn parse_text(text: &str, problems: &mut Problems) -> Option<TomlNode> {
    if is_blank(text) {
        let problem = Problem::new(Span::new(0, 0..0), "the file is empty");
        problems.report(problem.help("start from one of the files in `pipelines/`"));
        return None;
    }
    parse_file(text, 0).map_err(|mistakes| mistakes.into_iter().for_each(|mistake| problems.report(mistake))).ok()
}

/// A file declares at least one table that is computed.
fn has_stages(root: &TomlNode, schema: &'static Schema, problems: &mut Problems) {
    let stages = || schema::properties(schema).filter(|(_, section)| schema::has(section, "x-stage"));
    if stages().any(|(section, _)| root.entry(section).is_some()) {
        return;
    }
    let sections: Vec<String> = stages().map(|(section, _)| format!("`[{section}.NAME]`")).collect();
    let problem = Problem::new(root.span, "the file declares no stages");
    problems.report(problem.help(format!("a stage is a section such as {}", sections.join(", "))));
}
