//! `extends`: the base files of a pipeline file.

use crate::document::diagnostic::{Problem, Problems};
use crate::document::file::{is_blank, read_regular_text};
use crate::document::merge::merge;
use crate::document::node::{TomlNode, TomlValue};
use crate::document::schema::{formerly, not_inherited, structure};
use crate::document::setting::EXTENDS;
use crate::document::source::{SourceText, Span};
use crate::document::text::parse_file;
use serde_json::Value as Schema;
use std::path::{Path, PathBuf};

const HELP: &str = "the path is relative to the directory of the file that it is written in";

/// Maximum length of a chain of `extends`.
const MAX_BASES: usize = 16;

/// Reads the base files of a pipeline file and merges its tree over them. The base files are added to `sources`. None
/// if one of them cannot be read, which is reported.
pub(crate) fn extended(
    root: TomlNode,
    schema: &'static Schema,
    sources: &mut Vec<SourceText>,
    problems: &mut Problems,
) -> Option<TomlNode> {
    let mut layers = vec![root];
    let mut chain = vec![0];
    while let Some(written) = layers.last_mut().and_then(|layer| layer.remove(&[EXTENDS.into()])) {
        let base = base(&written, &chain, sources).map_err(|problem| problems.report(problem)).ok()?;
        let number = sources.len();
        let tree = parse_file(&base.text, u32::try_from(number).unwrap_or(u32::MAX));
        sources.push(base);
        chain.push(number);
        let mut tree =
            tree.map_err(|mistakes| mistakes.into_iter().for_each(|mistake| problems.report(mistake))).ok()?;
        formerly::rename(&mut tree, schema);
        layers.push(tree);
    }
    let mut tree = layers.pop()?;
    while let Some(over) = layers.pop() {
        check_base(&tree, schema, problems);
        tree = merge_studies(tree, over, schema);
    }
    Some(tree)
}

/// Checks a base file on its own: an invalid value is an error even if the file that extends it replaces the value.
fn check_base(base: &TomlNode, schema: &'static Schema, problems: &mut Problems) {
    let mut base = base.clone();
    base.remove(&["sweep".into()]);
    structure::check_partial(base, schema, problems);
}

/// Merges a file over its base. Name and title are not inherited; a sweep replaces the sweep of the base as a whole.
fn merge_studies(mut base: TomlNode, over: TomlNode, schema: &'static Schema) -> TomlNode {
    for path in not_inherited(schema) {
        base.remove(&path);
    }
    if over.entry("sweep").is_some() {
        base.remove(&["sweep".into()]);
    }
    merge(base, over, schema)
}

/// Reads the file that a value of `extends` names; `chain` holds the numbers of the files so far.
fn base(written: &TomlNode, chain: &[usize], sources: &[SourceText]) -> Result<SourceText, Problem> {
    let span = written.span;
    let TomlValue::String(name) = &written.value else {
        return Err(Problem::new(span, format!("`extends`: expected a string, found {}", written.description()))
            .help("name one file: extends = \"base.toml\""));
    };
    if name.is_empty() {
        return Err(Problem::new(span, "`extends`: the path is empty").help("name a file: extends = \"base.toml\""));
    }
    let from = chain.last().and_then(|number| sources.get(*number));
    let file =
        from.and_then(|from| from.file.as_deref()).map_or_else(|| PathBuf::from(name), |it| relative_to(it, name));
    check_no_cycle(span, &file, chain, sources)?;
    if chain.len() > MAX_BASES {
        return Err(Problem::new(span, format!("more than {MAX_BASES} files in a chain of `extends`"))
            .help("merge some of the files"));
    }
    let refused = |message: &str| Problem::new(span, format!("cannot extend {}: {message}", file.display()));
    let text = read_regular_text(&file)
        .map_err(|error| refused(&error.message).help(error.help.unwrap_or(HELP.to_owned())))?;
    if is_blank(&text) {
        return Err(refused("the file is empty").help("remove `extends`, or name another file"));
    }
    let directory = from.map_or_else(PathBuf::new, |from| from.directory.join(name));
    let directory = directory.parent().map(Path::to_owned).unwrap_or_default();
    Ok(SourceText { directory, ..SourceText::of_file(&file, text) })
}

/// Resolves a path against the directory of a file.
fn relative_to(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}

/// Checks that no file extends itself, directly or through others.
fn check_no_cycle(span: Span, file: &Path, chain: &[usize], sources: &[SourceText]) -> Result<(), Problem> {
    let files: Vec<&Path> = chain.iter().filter_map(|number| sources.get(*number)?.file.as_deref()).collect();
    let Some(first) = files.iter().position(|other| identity(other) == identity(file)) else { return Ok(()) };
    let cycle: Vec<String> = files[first..].iter().chain([&file]).map(|file| file.display().to_string()).collect();
    let message = match files[first..].len() {
        1 => "the file extends itself".to_owned(),
        _ => format!("`extends` forms a cycle: {}", cycle.join(" -> ")),
    };
    Err(Problem::new(span, message).help("remove one `extends`: the last file of a chain extends none"))
}

/// Returns a path that is equal for two paths of the same file.
fn identity(file: &Path) -> PathBuf {
    file.canonicalize().or_else(|_| std::path::absolute(file)).unwrap_or_else(|_| file.to_owned())
}
