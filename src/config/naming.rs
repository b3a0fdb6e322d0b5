//! What a study is called.

use crate::config::diagnostic::{Problem, Problems};
use crate::config::node::{Node, Step, Value};
use crate::config::raw::RawReport;
use crate::config::section::read;
use std::path::Path;

/// The name of the study: what the file says, or the name of the file.
pub(super) fn name_of(root: &mut Node, path: &Path, problems: &mut Problems) -> Option<String> {
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

/// The title of the report, where the file has one.
pub(super) fn title_of(root: &mut Node, problems: &mut Problems) -> Option<String> {
    let report: RawReport = read(root, &["report".into()], problems)?;
    report.title
}
