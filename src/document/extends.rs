//! `extends`: the files that a pipeline file builds on.

use crate::document::diagnostic::{Problem, Problems};
use crate::document::file::{is_blank, read_regular_text};
use crate::document::merge::merge;
use crate::document::node::{Node, Value};
use crate::document::setting::EXTENDS;
use crate::document::source::{Place, Source};
use crate::document::schema::{formerly, not_inherited, structure};
use crate::document::text::parse_file;
use serde_json::Value as Schema;
use std::path::{Path, PathBuf};

const HELP: &str = "the path is relative to the directory of the file that it is written in";

/// Most files that build on each other.
const MOST_BASES: usize = 16;

/// Reads the files that the tree of the pipeline file extends and lays the tree over them. The files become sources.
/// None where one of them cannot be read, which is reported then.
pub(crate) fn extended(
    root: Node,
    schema: &'static Schema,
    sources: &mut Vec<Source>,
    problems: &mut Problems,
) -> Option<Node> {
    let mut layers = vec![root];
    let mut chain = vec![0];
    while let Some(written) = layers.last_mut().and_then(|layer| layer.remove(&[EXTENDS.into()])) {
        let base = base(&written, &chain, sources).map_err(|problem| problems.report(problem)).ok()?;
        let number = sources.len();
        let tree = parse_file(&base.text, u32::try_from(number).unwrap_or(u32::MAX));
        sources.push(base);
        chain.push(number);
        let mut tree = tree.map_err(|mistakes| mistakes.into_iter().for_each(|mistake| problems.report(mistake))).ok()?;
        formerly::rename(&mut tree, schema);
        layers.push(tree);
    }
    let mut tree = layers.pop()?;
    while let Some(over) = layers.pop() {
        check_alone(&tree, schema, problems);
        tree = laid_over(tree, over, schema);
    }
    Some(tree)
}

/// What is wrong in a base is wrong even where the file replaces it.
fn check_alone(base: &Node, schema: &'static Schema, problems: &mut Problems) {
    let mut base = base.clone();
    base.remove(&["sweep".into()]);
    structure::check_part(base, schema, problems);
}

/// A study that builds on another one is another study: it has its own name and title, and its own sweep if it has one.
fn laid_over(mut base: Node, over: Node, schema: &'static Schema) -> Node {
    for path in not_inherited(schema) {
        base.remove(&path);
    }
    if over.entry("sweep").is_some() {
        base.remove(&["sweep".into()]);
    }
    merge(base, over, schema)
}

/// The file that a value of `extends` names; `chain` are the numbers of the files so far.
fn base(written: &Node, chain: &[usize], sources: &[Source]) -> Result<Source, Problem> {
    let place = written.place;
    let Value::Text(name) = &written.value else {
        return Err(Problem::new(place, format!("`extends`: expected a string, found {}", written.kind()))
            .help("name one file: extends = \"base.toml\""));
    };
    if name.is_empty() {
        return Err(Problem::new(place, "`extends`: the path is empty").help("name a file: extends = \"base.toml\""));
    }
    let from = chain.last().and_then(|number| sources.get(*number));
    let file = from.and_then(|from| from.file.as_deref()).map_or_else(|| PathBuf::from(name), |it| beside(it, name));
    not_a_cycle(place, &file, chain, sources)?;
    if chain.len() > MOST_BASES {
        return Err(Problem::new(place, format!("more than {MOST_BASES} files extend each other"))
            .help("put what they say into fewer files"));
    }
    let refused = |message: &str| Problem::new(place, format!("cannot extend {}: {message}", file.display()));
    let text = read_regular_text(&file)
        .map_err(|error| refused(&error.message).help(error.help.unwrap_or(HELP.to_owned())))?;
    if is_blank(&text) {
        return Err(refused("the file is empty").help("take out `extends`, or name another file"));
    }
    let directory = from.map_or_else(PathBuf::new, |from| from.directory.join(name));
    let directory = directory.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Source { directory, ..Source::of_file(&file, text) })
}

/// A path that is relative to the directory of a file.
fn beside(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}

/// No file builds on itself, whether straight or through others.
fn not_a_cycle(place: Place, file: &Path, chain: &[usize], sources: &[Source]) -> Result<(), Problem> {
    let files: Vec<&Path> = chain.iter().filter_map(|number| sources.get(*number)?.file.as_deref()).collect();
    let Some(first) = files.iter().position(|other| identity(other) == identity(file)) else { return Ok(()) };
    let way: Vec<String> = files[first..].iter().chain([&file]).map(|file| file.display().to_string()).collect();
    let message = match files[first..].len() {
        1 => "the file extends itself".to_owned(),
        _ => format!("files extend each other: {}", way.join(" -> ")),
    };
    Err(Problem::new(place, message).help("take out one `extends`: the last file must stand alone"))
}

/// What two paths of the same file have in common.
fn identity(file: &Path) -> PathBuf {
    file.canonicalize().or_else(|_| std::path::absolute(file)).unwrap_or_else(|_| file.to_owned())
}
