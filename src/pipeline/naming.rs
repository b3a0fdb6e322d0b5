//! Names of studies.

use crate::base::text::is_hidden;
use crate::document::{PathStep, Problem, Problems, TomlNode, TomlValue, read};
use crate::study::file::ReportConfig;
use serde_json::Value as Schema;
use std::path::Path;

/// Returns the name of the study: the key `name`, or else the name of the file.
pub(crate) fn name_of(root: &mut TomlNode, path: &Path, problems: &mut Problems) -> Option<String> {
    let key: [PathStep; 1] = ["name".into()];
    let written = match root.get(&key).map(|node| &node.value) {
        Some(TomlValue::String(name)) => Some(name.clone()),
        Some(_) => return None,
        None => None,
    };
    let name = written.clone().or_else(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?;
    let Some(flaw) = directory_name_flaw(&name) else { return Some(name) };
    let span = root.span_of(&key);
    problems.report(match written {
        Some(_) => Problem::new(span, format!("`name` {flaw}")).help("it is used as a directory name"),
        None => Problem::new(span, format!("the file name cannot be used as the study name: it {flaw}"))
            .help("add `name = \"...\"` at the top of the file"),
    });
    None
}

/// Returns why a text cannot be used as a directory name in the output directory on every operating system.
fn directory_name_flaw(name: &str) -> Option<String> {
    /// Maximum length in bytes: file systems allow 255, and the name is combined with other text.
    const MAX_LENGTH: usize = 100;
    if let Some(hidden) = name.chars().find(|c| is_hidden(*c)) {
        let kind = if hidden.is_control() { "control" } else { "invisible" };
        return Some(format!("contains the {kind} character U+{:04X}", u32::from(hidden)));
    }
    let flaw = match name {
        "" => "is empty",
        _ if name.len() > MAX_LENGTH => "is longer than 100 bytes",
        _ if name.contains(|c| "/\\:*?\"<>|".contains(c)) => "contains one of / \\ : * ? \" < > |",
        _ if name.starts_with(is_dot_or_space) || name.ends_with(is_dot_or_space) => {
            "starts or ends with a dot or a space"
        }
        _ if is_reserved(name) => "is reserved for files of the program in the output directory",
        _ if is_device(name) => "is a device name on Windows",
        _ => return None,
    };
    Some(flaw.to_owned())
}

fn is_dot_or_space(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Whether the output directory reserves a name, also on file systems that ignore case.
fn is_reserved(name: &str) -> bool {
    // Upper case, because some non-ASCII letters map to ASCII there.
    let name = name.to_uppercase();
    let store = name.strip_prefix("STORE-V");
    matches!(name.as_str(), "RUNS" | "COMPARISONS" | "DIGESTS.JSON")
        || store.is_some_and(|version| !version.is_empty() && version.chars().all(char::is_numeric))
}

/// Whether Windows treats a name as a device, with any extension.
fn is_device(name: &str) -> bool {
    let name = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = ["COM", "LPT"].iter().find_map(|port| name.strip_prefix(port));
    matches!(name.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || port.is_some_and(|number| matches!(number, "¹" | "²" | "³") || matches!(number.as_bytes(), [b'1'..=b'9']))
}

/// Returns the title of the report, if the file sets one.
pub(crate) fn title_of(root: &mut TomlNode, schema: &'static Schema, problems: &mut Problems) -> Option<String> {
    let report: ReportConfig = read(root, &["report".into()], schema, problems)?;
    report.title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_reserved_by_the_output_directory_or_a_system_are_rejected() {
        for name in [
            "runs",
            "RUNS",
            "comparisons",
            "store-v1",
            "Store-V12",
            "digests.json",
            "con",
            "NUL.txt",
            "Com1",
            "lpt9.a",
            "COM²",
        ] {
            assert!(directory_name_flaw(name).is_some(), "{name}");
        }
        for name in ["", ".hidden", "a.", " a", "a\u{a0}", "a/b", "..", "a\u{85}b", &"a".repeat(101)] {
            assert!(directory_name_flaw(name).is_some(), "{name:?}");
        }
        for name in
            ["run", "runs-2", "store-vans", "store-v1-copy", "digests", "console", "com", "com10", "Żółw 猫", "=1"]
        {
            assert_eq!(directory_name_flaw(name), None, "{name}");
        }
    }

    #[test]
    fn invisible_characters_are_reported() {
        for (name, flaw) in [
            ("a\u{202e}gpj.exe", "contains the invisible character U+202E"),
            ("\u{200b}", "contains the invisible character U+200B"),
            ("a\x1b[31m", "contains the control character U+001B"),
            ("a\u{9b}31m", "contains the control character U+009B"),
        ] {
            assert_eq!(directory_name_flaw(name).as_deref(), Some(flaw));
        }
    }
}
