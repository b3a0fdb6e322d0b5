//! Loading a study from a pipeline file.

use crate::config::check;
use crate::config::data_paths;
use crate::config::diagnostic::{Diagnostics, Problem, Problems};
use crate::config::extends::extended;
use crate::config::file::{is_blank, read_text};
use crate::config::naming::{name_of, title_of};
use crate::config::node::TomlNode;
use crate::config::pipeline::{Study, Variant};
use crate::config::setting::{NAMED_SECTIONS, Override, parse_override};
use crate::config::size;
use crate::config::source::{SourceText, Span};
use crate::config::sweep::{self, Axis, Combination};
use crate::config::text::parse_file;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A checked study with the text that it was loaded from.
#[derive(Debug)]
pub struct LoadedStudy {
    /// The study that the file declares.
    pub study: Study,
    path: PathBuf,
    overrides: Vec<String>,
    /// The pipeline file, the settings, then the base files, nearest first.
    pub(super) sources: Vec<SourceText>,
    /// The tree after `--set`, without the sweep.
    pub(super) root: TomlNode,
    pub(super) axes: Vec<Axis>,
}

impl LoadedStudy {
    /// Returns the path of the pipeline file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the text of the pipeline file.
    pub fn text(&self) -> &str {
        self.sources.first().map_or("", |source| &source.text)
    }

    /// Iterates over the pipeline file and its base files, nearest first, with their texts.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.sources.iter().filter_map(|source| Some((source.file.as_deref()?, source.text.as_str())))
    }

    /// Returns the settings `path=value` that override the file.
    pub fn overrides(&self) -> &[String] {
        &self.overrides
    }

    /// Returns the tree of the variant with this index.
    pub(super) fn tree(&self, number: usize) -> TomlNode {
        // Applying the combination succeeded during loading, so it cannot fail here.
        tree_of(&self.root, &sweep::combination(&self.axes, number), &mut Problems::default())
    }
}

/// Reads and checks a pipeline file. `overrides` are settings `path=value` that override the file.
///
/// # Errors
/// All errors of the file, each with its location.
pub fn load(path: &Path, overrides: &[String]) -> Result<LoadedStudy, Diagnostics> {
    match read_text(path) {
        Ok(text) => parse(&text, path, overrides),
        Err(error) => {
            let mut problems = Problems::default();
            problems.report(Problem::of_file(error.message).maybe_help(error.help));
            Err(problems.into_diagnostics(vec![SourceText::of_file(path, String::new())]))
        }
    }
}

/// Checks the text of a pipeline file. Relative paths in it, `extends` included, are relative to the directory of
/// `path`; `path` itself is not read.
///
/// # Errors
/// All errors of the text, each with its location.
pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<LoadedStudy, Diagnostics> {
    let mut problems = Problems::default();
    let mut sources = vec![SourceText::of_file(path, text.to_owned())];
    sources.extend(overrides.iter().map(|text| SourceText::of_setting(text)));
    let loaded = build(text, path, overrides, &mut sources, &mut problems);
    match loaded {
        Some(loaded) if problems.is_empty() => Ok(loaded),
        _ => Err(problems.into_diagnostics(sources)),
    }
}

fn build(
    text: &str,
    path: &Path,
    overrides: &[String],
    sources: &mut Vec<SourceText>,
    problems: &mut Problems,
) -> Option<LoadedStudy> {
    let root = parse_text(text, problems)?;
    let mut root = extended(root, sources, problems)?;
    require_stage(&root, problems);
    let settings: Vec<Override> =
        (1..).zip(overrides).filter_map(|(source, text)| parse_override(text, source, problems)).collect();
    settings.iter().for_each(|setting| setting.apply(&mut root, problems));
    let span = root.entry("sweep").map_or(root.span, |entry| entry.key_span);
    let mut axes = sweep::take(&mut root, &settings, sources, problems);
    let stages = size::stage_count(&root).saturating_mul(sweep::combinations(&axes).count());
    if let Some(problem) = size::check_tree(&root).or_else(|| size::check_study(stages, span)) {
        problems.report(problem);
        return None;
    }
    rebase_paths(&mut root, &mut axes, sources);
    if !problems.is_empty() {
        // After a failed setting the swept values may not fit the tree: check the tree without the sweep.
        check_variants(&root, &[], (path, span), sources, problems);
        return None;
    }
    check_swept_values(&root, &axes, path, problems);
    let variants = check_variants(&root, &axes, (path, span), sources, problems);
    let name = name_of(&mut root, path, problems)?;
    let title = title_of(&mut root, problems).unwrap_or_else(|| name.clone());
    let study = Study { name, title, variants };
    let (path, overrides, sources) = (path.to_owned(), overrides.to_vec(), sources.clone());
    Some(LoadedStudy { study, path, overrides, sources, root, axes })
}

fn parse_text(text: &str, problems: &mut Problems) -> Option<TomlNode> {
    if is_blank(text) {
        let problem = Problem::new(Span::new(0, 0..0), "the file is empty");
        problems.report(problem.help("start from one of the files in `pipelines/`"));
        return None;
    }
    parse_file(text, 0).map_err(|mistakes| mistakes.into_iter().for_each(|mistake| problems.report(mistake))).ok()
}

fn require_stage(root: &TomlNode, problems: &mut Problems) {
    if !NAMED_SECTIONS.iter().filter(|section| **section != "augment").any(|section| root.entry(section).is_some()) {
        let problem = Problem::new(root.span, "the file declares no stages");
        problems.report(problem.help("a stage is a section such as `[pretrain.main]` or `[supervised.baseline]`"));
    }
}

/// Makes image paths, in the tree and among swept values, relative to the directory of the pipeline file.
fn rebase_paths(root: &mut TomlNode, axes: &mut [Axis], sources: &[SourceText]) {
    data_paths::rebase(root, &[], sources);
    for key in axes.iter_mut().flat_map(|axis| &mut axis.keys) {
        let at: Vec<String> = key.names().map(str::to_owned).collect();
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        key.values.iter_mut().for_each(|value| data_paths::rebase(value, &at, sources));
    }
}

/// Checks values of the file that the sweep replaces in every variant: they must be valid all the same.
fn check_swept_values(root: &TomlNode, axes: &[Axis], path: &Path, problems: &mut Problems) {
    let replaced: HashSet<Span> = axes
        .iter()
        .flat_map(|axis| &axis.keys)
        .filter_map(|key| root.get(&key.steps()))
        .flat_map(TomlNode::spans)
        .collect();
    if !replaced.is_empty() {
        let mut of_file = Problems::default();
        check::pipeline(root.clone(), &directory_of(path), &mut of_file);
        problems.take_at(of_file, &replaced);
    }
}

fn check_variants(
    root: &TomlNode,
    axes: &[Axis],
    (path, span): (&Path, Span),
    sources: &[SourceText],
    problems: &mut Problems,
) -> Vec<Variant> {
    let directory = directory_of(path);
    let mut variants = Vec::new();
    let mut stages: usize = 0;
    for combination in sweep::combinations(axes) {
        let tree = tree_of(root, &combination, problems);
        // The sweep can change the number of stages.
        stages = stages.saturating_add(size::stage_count(&tree));
        if let Some(problem) = size::check_tree(&tree).or_else(|| size::check_study(stages, span)) {
            problems.report(problem);
            break;
        }
        let settings = combination.settings(sources);
        variants.extend(check::pipeline(tree, &directory, problems).map(|pipeline| Variant { settings, pipeline }));
        if problems.are_many() {
            break;
        }
    }
    variants
}

fn tree_of(root: &TomlNode, combination: &Combination<'_>, problems: &mut Problems) -> TomlNode {
    let mut tree = root.clone();
    combination.apply(&mut tree, problems);
    tree
}

/// Returns the absolute directory that relative paths are resolved against.
fn directory_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map(Path::to_owned).unwrap_or_default()
}
