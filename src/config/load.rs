//! From a file to a study.

use crate::config::check;
use crate::config::data_paths;
use crate::config::diagnostic::{Diagnostics, Problem, Problems};
use crate::config::extends::extended;
use crate::config::file::{is_blank, read_text};
use crate::config::naming::{name_of, title_of};
use crate::config::node::Node;
use crate::config::pipeline::{Study, Variant};
use crate::config::setting::{NAMED_SECTIONS, Override, parse_override};
use crate::config::size;
use crate::config::source::{Place, Source};
use crate::config::sweep::{self, Axis, Combination};
use crate::config::text::parse_file;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A checked configuration, with the text that it comes from.
#[derive(Debug)]
pub struct Loaded {
    /// What the file declares.
    pub study: Study,
    path: PathBuf,
    overrides: Vec<String>,
    /// The file, the settings, then the files that are extended, nearest first.
    pub(super) sources: Vec<Source>,
    /// The tree with the settings of the command line, without the sweep.
    pub(super) root: Node,
    pub(super) axes: Vec<Axis>,
}

impl Loaded {
    /// The pipeline file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.sources.first().map_or("", |source| &source.text)
    }

    /// The pipeline file and those that it extends, nearest first, with their texts.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.sources.iter().filter_map(|source| Some((source.file.as_deref()?, source.text.as_str())))
    }

    /// The settings `path=value` that win over the file.
    pub fn overrides(&self) -> &[String] {
        &self.overrides
    }

    /// The tree of the variant with this number.
    pub(super) fn tree(&self, number: usize) -> Node {
        // What could be set while loading can be set again.
        tree_of(&self.root, &sweep::combination(&self.axes, number), &mut Problems::default())
    }
}

/// Reads and checks a pipeline file. `overrides` are settings `path=value` that win over the file.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    match read_text(path) {
        Ok(text) => parse(&text, path, overrides),
        Err(error) => {
            let mut problems = Problems::default();
            problems.report(Problem::of_file(error.message).maybe_help(error.help));
            Err(problems.into_diagnostics(vec![Source::of_file(path, String::new())]))
        }
    }
}

/// Checks the text of a pipeline file; relative paths in it, such as that of a file that it extends, are relative to the
/// directory of `path`, which is not read.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    let mut problems = Problems::default();
    let mut sources = vec![Source::of_file(path, text.to_owned())];
    sources.extend(overrides.iter().map(|text| Source::of_setting(text)));
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
    sources: &mut Vec<Source>,
    problems: &mut Problems,
) -> Option<Loaded> {
    let root = parse_text(text, problems)?;
    let mut root = extended(root, sources, problems)?;
    some_stage(&root, problems);
    let settings: Vec<Override> =
        (1..).zip(overrides).filter_map(|(source, text)| parse_override(text, source, problems)).collect();
    settings.iter().for_each(|setting| setting.apply(&mut root, problems));
    let place = root.entry("sweep").map_or(root.place, |entry| entry.key_place);
    let mut axes = sweep::take(&mut root, &settings, sources, problems);
    let stages = size::stages(&root).saturating_mul(sweep::combinations(&axes).count());
    if let Some(problem) = size::of_tree(&root).or_else(|| size::of_study(stages, place)) {
        problems.report(problem);
        return None;
    }
    relate_paths(&mut root, &mut axes, sources);
    if !problems.is_empty() {
        // A setting that could not be made leaves a file that is not the one meant.
        check_variants(&root, &[], (path, place), sources, problems);
        return None;
    }
    check_swept_values(&root, &axes, path, problems);
    let variants = check_variants(&root, &axes, (path, place), sources, problems);
    let name = name_of(&mut root, path, problems)?;
    let title = title_of(&mut root, problems).unwrap_or_else(|| name.clone());
    let study = Study { name, title, variants };
    let (path, overrides, sources) = (path.to_owned(), overrides.to_vec(), sources.clone());
    Some(Loaded { study, path, overrides, sources, root, axes })
}

fn parse_text(text: &str, problems: &mut Problems) -> Option<Node> {
    if is_blank(text) {
        let problem = Problem::new(Place::new(0, 0..0), "the file is empty");
        problems.report(problem.help("start from one of the files in `pipelines/`"));
        return None;
    }
    parse_file(text, 0).map_err(|mistakes| mistakes.into_iter().for_each(|mistake| problems.report(mistake))).ok()
}

fn some_stage(root: &Node, problems: &mut Problems) {
    if !NAMED_SECTIONS.iter().filter(|section| **section != "augment").any(|section| root.entry(section).is_some()) {
        let problem = Problem::new(root.place, "the file declares no stage");
        problems.report(problem.help("a stage is a section such as `[pretrain.main]` or `[supervised.baseline]`"));
    }
}

/// Paths of images, in the tree and among swept values, become relative to the directory of the pipeline file.
fn relate_paths(root: &mut Node, axes: &mut [Axis], sources: &[Source]) {
    data_paths::relate(root, &[], sources);
    for key in axes.iter_mut().flat_map(|axis| &mut axis.keys) {
        let at: Vec<String> = key.names().map(str::to_owned).collect();
        let at: Vec<&str> = at.iter().map(String::as_str).collect();
        key.values.iter_mut().for_each(|value| data_paths::relate(value, &at, sources));
    }
}

/// A value of the file that the sweep replaces in every variant must be right all the same.
fn check_swept_values(root: &Node, axes: &[Axis], path: &Path, problems: &mut Problems) {
    let replaced: HashSet<Place> = axes
        .iter()
        .flat_map(|axis| &axis.keys)
        .filter_map(|key| root.get(&key.steps()))
        .flat_map(Node::places)
        .collect();
    if !replaced.is_empty() {
        let mut of_file = Problems::default();
        check::pipeline(root.clone(), &directory_of(path), &mut of_file);
        problems.take_at(of_file, &replaced);
    }
}

fn check_variants(
    root: &Node,
    axes: &[Axis],
    (path, place): (&Path, Place),
    sources: &[Source],
    problems: &mut Problems,
) -> Vec<Variant> {
    let directory = directory_of(path);
    let mut variants = Vec::new();
    let mut stages: usize = 0;
    for combination in sweep::combinations(axes) {
        let tree = tree_of(root, &combination, problems);
        // The sweep can change how many there are.
        stages = stages.saturating_add(size::stages(&tree));
        if let Some(problem) = size::of_tree(&tree).or_else(|| size::of_study(stages, place)) {
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

fn tree_of(root: &Node, combination: &Combination<'_>, problems: &mut Problems) -> Node {
    let mut tree = root.clone();
    combination.apply(&mut tree, problems);
    tree
}

/// The directory that relative paths are relative to.
fn directory_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map(Path::to_owned).unwrap_or_default()
}
