//! What a study is called.

use crate::base::text::is_hidden;
use crate::document::{Node, Problem, Problems, Step, Value, read};
use crate::study::file::ReportConfig;
use serde_json::Value as Schema;
use std::path::Path;

/// The name of the study: what the file says, or the name of the file.
pub(crate) fn name_of(root: &mut Node, path: &Path, problems: &mut Problems) -> Option<String> {
    let key: [Step; 1] = ["name".into()];
    let written = match root.get(&key).map(|node| &node.value) {
        Some(Value::Text(name)) => Some(name.clone()),
        Some(_) => return None,
        None => None,
    };
    let name = written.clone().or_else(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?;
    let Some(flaw) = flaw_of_directory_name(&name) else { return Some(name) };
    let place = root.place_of(&key);
    problems.report(match written {
        Some(_) => Problem::new(place, format!("`name` {flaw}")).help("it becomes the name of a directory"),
        None => Problem::new(place, format!("the file's name cannot be the name of the study: it {flaw}"))
            .help("add `name = \"...\"` at the top of the file"),
    });
    None
}

/// Why a text cannot be the name of a directory beside those of the program, on every system.
fn flaw_of_directory_name(name: &str) -> Option<String> {
    /// Longest name: file systems take 255 bytes, and other text is put beside it.
    const LONGEST: usize = 100;
    if let Some(hidden) = name.chars().find(|c| is_hidden(*c)) {
        let kind = if hidden.is_control() { "control" } else { "invisible" };
        return Some(format!("has the {kind} character U+{:04X} in it", u32::from(hidden)));
    }
    let flaw = match name {
        "" => "is empty",
        _ if name.len() > LONGEST => "is longer than 100 bytes",
        _ if name.contains(|c| "/\\:*?\"<>|".contains(c)) => "has one of / \\ : * ? \" < > | in it",
        _ if name.starts_with(is_dot_or_blank) || name.ends_with(is_dot_or_blank) => {
            "begins or ends with a dot or a blank"
        }
        _ if is_ours(name) => "is kept for what the program itself writes into the output directory",
        _ if is_device(name) => "is the name of a device on Windows",
        _ => return None,
    };
    Some(flaw.to_owned())
}

fn is_dot_or_blank(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Whether a name is one that the output directory has for other things, also where the file system ignores case.
fn is_ours(name: &str) -> bool {
    // Upper case, since some letters that are not ASCII become ASCII in it.
    let name = name.to_uppercase();
    let store = name.strip_prefix("STORE-V");
    matches!(name.as_str(), "RUNS" | "DIGESTS.JSON")
        || store.is_some_and(|version| !version.is_empty() && version.chars().all(char::is_numeric))
}

/// Whether Windows takes a name for a device, whatever its ending.
fn is_device(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = ["COM", "LPT"].iter().find_map(|port| name.strip_prefix(port));
    matches!(name.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || port.is_some_and(|number| matches!(number, "¹" | "²" | "³") || matches!(number.as_bytes(), [b'1'..=b'9']))
}

/// The title of the report, where the file has one.
pub(crate) fn title_of(root: &mut Node, schema: &'static Schema, problems: &mut Problems) -> Option<String> {
    let report: ReportConfig = read(root, &["report".into()], schema, problems)?;
    report.title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_output_directory_or_a_system_keeps_for_itself_are_refused() {
        for name in
            ["runs", "RUNS", "store-v1", "Store-V12", "digests.json", "con", "NUL.txt", "Com1", "lpt9.a", "COM²"]
        {
            assert!(flaw_of_directory_name(name).is_some(), "{name}");
        }
        for name in ["", ".hidden", "a.", " a", "a\u{a0}", "a/b", "..", "a\u{85}b", &"a".repeat(101)] {
            assert!(flaw_of_directory_name(name).is_some(), "{name:?}");
        }
        for name in
            ["run", "runs-2", "store-vans", "store-v1-copy", "digests", "console", "com", "com10", "Żółw 猫", "=1"]
        {
            assert_eq!(flaw_of_directory_name(name), None, "{name}");
        }
    }

    #[test]
    fn characters_that_nobody_sees_are_named() {
        for (name, flaw) in [
            ("a\u{202e}gpj.exe", "has the invisible character U+202E in it"),
            ("\u{200b}", "has the invisible character U+200B in it"),
            ("a\x1b[31m", "has the control character U+001B in it"),
            ("a\u{9b}31m", "has the control character U+009B in it"),
        ] {
            assert_eq!(flaw_of_directory_name(name).as_deref(), Some(flaw));
        }
    }
}
