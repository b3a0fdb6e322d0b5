//! Problems of a source's table, and the checks that several sources share.

use super::pattern::Pattern;
use crate::base::text::{is_hidden, visible};
use std::path::Path;

/// Maximum bytes of a label, as of the name of a directory.
const MAX_LABEL: usize = 255;

/// A value of a source's table that is right by itself but not beside the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProblem {
    /// Key in the table of the source.
    pub key: &'static str,
    /// A sentence without a period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl SourceProblem {
    /// Creates a problem without help.
    pub(super) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into(), help: None }
    }

    /// Creates the problem of a key that cannot stand beside `other`, such as "`labels = false`".
    pub(super) fn exclusive(key: &'static str, other: &str) -> Self {
        Self::new(key, format!("`{key}` cannot be combined with {other}")).help("remove one of the two")
    }

    /// Sets the help.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Returns the problem of an empty path.
pub(super) fn check_path(key: &'static str, path: &Path) -> Option<SourceProblem> {
    path.as_os_str().is_empty().then(|| SourceProblem::new(key, "the path is empty"))
}

/// Returns the problem of a pattern that has no group with this name.
pub(super) fn check_group(key: &'static str, pattern: &Pattern, group: &str) -> Option<SourceProblem> {
    (!pattern.has_group(group)).then(|| {
        SourceProblem::new(key, format!("the pattern has no group named `{group}`"))
            .help(format!("put what it finds into `(?<{group}>...)`"))
    })
}

/// Default of `labels`: whether images have labels.
pub(super) fn default_labels() -> bool {
    true
}

/// Default of `test_fraction`.
pub(super) fn default_test_fraction() -> f64 {
    0.2
}

/// Returns the problem of a `test_fraction`, if it has one. `test` is where test images come from instead, such as "a
/// `test` directory".
pub(super) fn check_test_fraction(
    fraction: f64,
    test: Option<&str>,
    is_written: &dyn Fn(&str) -> bool,
) -> Option<SourceProblem> {
    const KEY: &str = "test_fraction";
    match test {
        Some(test) if is_written(KEY) => Some(SourceProblem::exclusive(KEY, test)),
        None if fraction >= 1.0 => {
            Some(SourceProblem::new(KEY, format!("`{KEY}` must be below 1: otherwise no training images are left")))
        }
        _ => None,
    }
}

/// Checks that a label or a group can be shown; the error completes "the label of ...".
pub(super) fn check_label(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Err("is empty".to_owned());
    }
    if label.contains(is_hidden) {
        return Err(format!("has control or invisible characters: `{}`", visible(label)));
    }
    if label.len() > MAX_LABEL {
        return Err(format!("has {} bytes; the maximum is {MAX_LABEL}", label.len()));
    }
    Ok(())
}
