//! Files that a data set is divided into: a directory of them, or a path with a pattern.

use super::container::ClassNames;
use super::problem::{SourceProblem, check_path, check_test_fraction};
use crate::base::{Error, Result, files};
use crate::dataset::part::Part;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Maximum number of paths that a pattern may name.
const MAX_SHARDS: usize = 100_000;

/// Help for paths that name no files.
const HELP: &str = "give a file, a directory or a pattern such as `train-{000..123}.tar`; relative paths are relative to \
                    the pipeline file";

/// The files of a source by part: each path is that of a file or of a directory, or a pattern.
pub(super) struct Shards<'a> {
    pub(super) train: &'a Path,
    pub(super) validation: Option<&'a Path>,
    pub(super) test: Option<&'a Path>,
    pub(super) unlabeled: Option<&'a Path>,
    /// Extension of the files of a directory, without a period.
    pub(super) extension: &'static str,
    /// Whether training images have labels.
    pub(super) labels: bool,
    /// File with the names of the classes.
    pub(super) class_names: Option<&'a Path>,
    /// Fraction held out for testing if there are no test files.
    pub(super) test_fraction: f64,
}

impl Shards<'_> {
    /// Reports paths that are empty, and keys that exclude each other.
    pub(super) fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let paths = self.paths().into_iter().filter_map(|(key, path, _)| check_path(key, path));
        let mut problems: Vec<SourceProblem> = paths.collect();
        problems.extend(self.class_names.and_then(|path| check_path("class_names", path)));
        if !self.labels {
            for key in ["class_names", "label"].into_iter().filter(|key| is_written(key)) {
                problems.push(SourceProblem::exclusive(key, "`labels = false`"));
            }
        }
        let test = self.test.map(|_| "`test`").or((!self.labels).then_some("`labels = false`"));
        problems.extend(check_test_fraction(self.test_fraction, test, is_written));
        problems
    }

    /// Returns whether the images of a part have labels.
    pub(super) fn has_labels(&self, part: Part) -> bool {
        self.labels && part != Part::Unlabeled
    }

    /// Reads the names of the classes, if there is a file of them.
    ///
    /// # Errors
    /// As for [`ClassNames::read`].
    pub(super) fn class_names(&self) -> Result<Option<ClassNames>> {
        self.class_names.map(ClassNames::read).transpose()
    }

    /// Returns the fraction of the training images to hold out for testing.
    pub(super) fn held_out(&self) -> Option<f64> {
        (self.test.is_none() && self.labels).then_some(self.test_fraction)
    }

    fn paths(&self) -> Vec<(&'static str, &Path, Part)> {
        let paths = [
            ("train", Some(self.train), Part::Training),
            ("validation", self.validation, Part::Validation),
            ("test", self.test, Part::Test),
            ("unlabeled", self.unlabeled, Part::Unlabeled),
        ];
        paths.into_iter().filter_map(|(key, path, part)| Some((key, path?, part))).collect()
    }

    /// Returns the files of all parts. A directory or a pattern with `*` gives them sorted by path, a pattern with braces
    /// in its own order.
    ///
    /// # Errors
    /// A pattern is invalid or names no files, or a file does not exist or is named twice.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, Part)>> {
        let mut found = Vec::new();
        let mut seen = HashMap::new();
        for (key, pattern, part) in self.paths() {
            for path in self.matches(pattern)? {
                if let Some(before) = seen.insert(path.clone(), key) {
                    let keys = if before == key {
                        format!("twice in `{key}`")
                    } else {
                        format!("in `{before}` and in `{key}`")
                    };
                    return Err(Error::stage(format!("this file is named {keys}"))
                        .at(path.display().to_string())
                        .help("change the paths, so that every file is named once"));
                }
                fs::metadata(&path).map_err(|error| Error::io("read", &path, &error).help(HELP))?;
                found.push((path, part));
            }
        }
        Ok(found)
    }

    fn matches(&self, pattern: &Path) -> Result<Vec<PathBuf>> {
        if pattern.is_dir() {
            let suffix = format!(".{}", self.extension);
            return listed(pattern, pattern, |name| name.ends_with(&suffix));
        }
        let text = pattern.to_string_lossy();
        // A file may have braces or an asterisk in its name.
        if pattern.exists() || !text.contains(['{', '*']) {
            return Ok(vec![pattern.to_owned()]);
        }
        let mut found = Vec::new();
        let error = |what: String| {
            Error::stage(what)
                .at(pattern.display().to_string())
                .help("patterns are `{000..123}`, `{a,b}` and, in the name of the file, `*`")
        };
        for path in expand(&text).map_err(error)? {
            let path = PathBuf::from(path);
            match path.file_name().and_then(|name| name.to_str()) {
                Some(name) if name.contains('*') => {
                    let directory = path.parent().unwrap_or(Path::new("."));
                    found.extend(listed(directory, &path, |candidate| is_match(name, candidate))?);
                }
                _ => found.push(path),
            }
        }
        Ok(found)
    }
}

/// Returns the files of a directory that are not hidden and have a suitable name, sorted.
fn listed(directory: &Path, pattern: &Path, suits: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let listing =
        files::entries(directory).map_err(|error| Error::io("read the directory", directory, &error).help(HELP))?;
    let is_suitable = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| !name.starts_with('.') && suits(name)) && !path.is_dir()
    };
    let mut found: Vec<PathBuf> = listing.into_iter().filter(is_suitable).collect();
    found.sort_unstable();
    if found.is_empty() {
        return Err(Error::stage("there are no such files").at(pattern.display().to_string()).help(HELP));
    }
    Ok(found)
}

/// Returns whether a name matches a pattern in which `*` stands for any characters.
fn is_match(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(first) else { return false };
    let Some((middle, last)) = rest.rsplit_once('*') else { return name.ends_with(rest) };
    // The leftmost match of every part leaves the most for the others.
    let mut name = name;
    for part in middle.split('*') {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(last)
}

/// Expands `{000..123}` and `{a,b}` in a path, the last braces fastest.
fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut paths = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after.split_once('}').ok_or("a `{` without its `}`")?;
        if inside.contains('{') {
            return Err("braces inside braces are not supported".to_owned());
        }
        let parts = alternatives(inside)?;
        if paths.len() * parts.len() > MAX_SHARDS {
            return Err(format!("the pattern names more than {MAX_SHARDS} files"));
        }
        let with = |path: &String| parts.iter().map(|part| format!("{path}{before}{part}")).collect::<Vec<_>>();
        paths = paths.iter().flat_map(with).collect();
        rest = after;
    }
    paths.iter_mut().for_each(|path| path.push_str(rest));
    Ok(paths)
}

/// Returns what the inside of braces stands for; numbers are as wide as the first one is written.
fn alternatives(inside: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = inside.split_once("..") else {
        return Ok(inside.split(',').map(str::to_owned).collect());
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number
            .then(|| text.parse::<usize>().ok())
            .flatten()
            .ok_or(format!("`{{{inside}}}` is not a range of numbers"))
    };
    let (from, to) = (number(first)?, number(last)?);
    if from > to {
        return Err(format!("the range `{{{inside}}}` is empty"));
    }
    if to - from >= MAX_SHARDS {
        return Err(format!("the pattern names more than {MAX_SHARDS} files"));
    }
    Ok((from..=to).map(|number| format!("{number:0width$}", width = first.len())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_ranges_or_lists() {
        assert_eq!(expand("a-{08..11}.tar").unwrap(), ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]);
        assert_eq!(expand("{a,b}/{0..1}").unwrap(), ["a/0", "a/1", "b/0", "b/1"]);
        assert_eq!(expand("plain").unwrap(), ["plain"]);
        for (pattern, problem) in [
            ("{0..1", "without its"),
            ("{5..1}", "is empty"),
            ("{a..b}", "not a range"),
            ("{0..99999999999999999999}", "not a range"),
            ("{0..18446744073709551615}", "more than"),
            ("{0..999}{0..999}", "more than"),
            ("{a,{b,c}}", "inside braces"),
        ] {
            let error = expand(pattern).unwrap_err();
            assert!(error.contains(problem), "{pattern}: {error}");
        }
    }

    #[test]
    fn asterisks_stand_for_any_characters() {
        for (pattern, name, expected) in [
            ("train-*.parquet", "train-00000-of-00002.parquet", true),
            ("train-*.parquet", "test-00000-of-00001.parquet", false),
            ("*a*b*", "xxaxbx", true),
            ("*a*b", "ab", true),
            ("a*a", "a", false),
            ("*.tar", "x.tar.gz", false),
        ] {
            assert_eq!(is_match(pattern, name), expected, "{pattern} {name}");
        }
    }
}
