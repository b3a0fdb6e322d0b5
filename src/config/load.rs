//! From a file to a study.

use crate::config::check;
use crate::config::diagnostic::{Diagnostics, Problem, Problems};
use crate::config::node::{Node, Step, Value};
use crate::config::pipeline::{Study, Variant};
use crate::config::raw::RawReport;
use crate::config::section::read;
use crate::config::setting::{NAMED_SECTIONS, Override, override_source, parse_override};
use crate::config::source::{MOST_BYTES, Place, Source};
use crate::config::sweep::{self, Axis, Combination};
use crate::config::text::parse_file;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A checked configuration, with the text that it comes from.
#[derive(Debug)]
pub struct Loaded {
    /// What the file declares.
    pub study: Study,
    path: PathBuf,
    pub(super) sources: Vec<Source>,
    /// The tree with the settings of the command line, without the sweep.
    root: Node,
    axes: Vec<Axis>,
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

    /// The tree of each variant beside the variant.
    pub(super) fn variants(&self) -> impl Iterator<Item = (&Variant, Node)> {
        let trees = sweep::combinations(&self.axes).map(|combination| {
            // What could be set while loading can be set again.
            tree_of(&self.root, &combination, &mut Problems::default())
        });
        self.study.variants.iter().zip(trees)
    }
}

/// Reads and checks a pipeline file. `overrides` are settings `path=value` that win over the file.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    match read_file(path) {
        Ok(text) => parse(&text, path, overrides),
        Err(problem) => {
            let mut problems = Problems::default();
            problems.report(problem);
            Err(problems.into_diagnostics(vec![file_source(String::new(), path)]))
        }
    }
}

/// Checks the text of a pipeline file; relative paths in it are relative to the folder of `path`, which is not read.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    let mut problems = Problems::default();
    let mut sources = vec![file_source(text.to_owned(), path)];
    sources.extend(overrides.iter().map(|text| override_source(text)));
    let loaded = build(text, path, overrides, &sources, &mut problems);
    match loaded {
        Some(loaded) if problems.is_empty() => Ok(loaded),
        _ => Err(problems.into_diagnostics(sources)),
    }
}

fn build(text: &str, path: &Path, overrides: &[String], sources: &[Source], problems: &mut Problems) -> Option<Loaded> {
    let mut root = parse_text(text, problems)?;
    let overrides: Vec<Override> =
        (1..).zip(overrides).filter_map(|(source, text)| parse_override(text, source, problems)).collect();
    overrides.iter().for_each(|setting| setting.apply(&mut root, problems));
    let axes = sweep::take(&mut root, &overrides, sources, problems);
    if !problems.is_empty() {
        // A setting that could not be made leaves a file that is not the one meant.
        check_variants(&root, &[], path, sources, problems);
        return None;
    }
    let variants = check_variants(&root, &axes, path, sources, problems);
    let name = name_of(&mut root, path, problems)?;
    let title = title_of(&mut root, problems).unwrap_or_else(|| name.clone());
    let study = Study { name, title, variants };
    Some(Loaded { study, path: path.to_owned(), sources: sources.to_vec(), root, axes })
}

fn parse_text(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        let problem = Problem::new(Place::new(0, 0..0), "the file is empty");
        problems.report(problem.help("start from one of the files in `pipelines/`"));
        return None;
    }
    let root = match parse_file(text, 0) {
        Ok(root) => root,
        Err(mistakes) => {
            mistakes.into_iter().for_each(|mistake| problems.report(mistake));
            return None;
        }
    };
    if !NAMED_SECTIONS.iter().filter(|section| **section != "augment").any(|section| root.entry(section).is_some()) {
        let problem = Problem::new(root.place, "the file declares no stage");
        problems.report(problem.help("a stage is a section such as `[pretrain.main]` or `[supervised.baseline]`"));
    }
    Some(root)
}

fn check_variants(
    root: &Node,
    axes: &[Axis],
    path: &Path,
    sources: &[Source],
    problems: &mut Problems,
) -> Vec<Variant> {
    let folder = folder_of(path);
    let mut variants = Vec::new();
    for combination in sweep::combinations(axes) {
        let tree = tree_of(root, &combination, problems);
        let settings = combination.settings(sources);
        variants.extend(check::pipeline(tree, &folder, problems).map(|pipeline| Variant { settings, pipeline }));
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

/// The folder that relative paths are relative to.
fn folder_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn name_of(root: &mut Node, path: &Path, problems: &mut Problems) -> Option<String> {
    let key: [Step; 1] = ["name".into()];
    let written = match root.get(&key).map(|node| &node.value) {
        Some(Value::Text(name)) => Some(name.clone()),
        Some(_) => return None,
        None => None,
    };
    let name = written.clone().or_else(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?;
    let Some(flaw) = flaw_of_folder_name(&name) else { return Some(name) };
    let place = root.place_of(&key);
    problems.report(match written {
        Some(_) => Problem::new(place, format!("`name` {flaw}")).help("it becomes the name of a folder"),
        None => Problem::new(place, format!("the file's name cannot be the name of the study: it {flaw}"))
            .help("add `name = \"...\"` at the top of the file"),
    });
    None
}

/// Why a text cannot be the name of a folder on every system.
fn flaw_of_folder_name(name: &str) -> Option<&'static str> {
    /// Longest name: file systems take 255 bytes, and other text is put beside it.
    const LONGEST: usize = 100;
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    match name {
        "" => Some("is empty"),
        _ if name.len() > LONGEST => Some("is longer than 100 bytes"),
        _ if name.contains(forbidden) => Some("has one of / \\ : * ? \" < > | or a control character in it"),
        _ if name.starts_with(['.', ' ']) || name.ends_with(['.', ' ']) => Some("begins or ends with a dot or a blank"),
        _ => None,
    }
}

fn title_of(root: &mut Node, problems: &mut Problems) -> Option<String> {
    let report: RawReport = read(root, &["report".into()], problems)?;
    report.title
}

fn file_source(text: String, path: &Path) -> Source {
    Source { name: path.display().to_string(), text, has_lines: true }
}

fn read_file(path: &Path) -> Result<String, Problem> {
    let refused = |error: std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => near_file(path),
            std::io::ErrorKind::IsADirectory => Some("name a file in it".to_owned()),
            _ => None,
        };
        Problem::of_file(format!("cannot read the pipeline file: {error}")).maybe_help(help)
    };
    let mut bytes = Vec::new();
    let most = MOST_BYTES as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(refused)?;
    if bytes.len() > MOST_BYTES {
        let problem = Problem::of_file("the file is larger than 1 MB, so it is surely no pipeline file");
        return Err(problem.help("name a TOML file such as those in `pipelines/`"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
        Problem::of_file(format!("the file is not UTF-8 text: line {line} has the byte 0x{:02x}", bytes[before]))
            .help("save it as UTF-8 in your editor")
    })
}

/// A file of the same folder that was probably meant.
fn near_file(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    let wanted = path.file_name()?.to_str()?;
    let near = crate::config::nearest::nearest(wanted, names.iter().map(String::as_str))?;
    Some(format!("did you mean {}?", path.with_file_name(near).display()))
}
