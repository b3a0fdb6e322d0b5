//! Checks of tables: what a kind can read and report.

use crate::base::Error;
use crate::document::{PathStep, Problem, Problems, Span, TomlNode};
use crate::study::read::Language;
use crate::study::{DataFacts, Facts, Pipeline};

/// Check of a table before the data is read.
pub struct Check<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) root: &'a TomlNode,
    pub(super) section: &'static str,
    pub(super) name: &'a str,
    pub(super) problems: &'a mut Problems,
}

impl<'a> Check<'a> {
    /// Returns the name of the table; empty for the default table.
    pub(crate) fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the header of the table without brackets: `pretrain.main`, `dataset`.
    pub(crate) fn title(&self) -> String {
        if self.name.is_empty() { self.section.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// Returns the tables of the file, except those that could not be read.
    pub(crate) fn pipeline(&self) -> &'a Pipeline {
        self.pipeline
    }

    /// Returns whether the file sets a key of the table.
    pub(crate) fn is_written(&self, keys: &[&str]) -> bool {
        self.root.get(&path(self.section, self.name, keys)).is_some_and(|node| node.span != Span::NOWHERE)
    }

    /// Reports a problem with a key of the table; elements of lists are addressed by index.
    pub(crate) fn report(&mut self, keys: &[&str], message: impl Into<String>, help: impl Into<Option<String>>) {
        let span = self.root.span_of(&path(self.section, self.name, keys));
        self.problems.report(Problem::new(span, message).maybe_help(help.into()));
    }

    /// Reports a problem with a key of another section, unless one has been reported there.
    pub(crate) fn report_elsewhere(
        &mut self,
        (section, name): (&str, &str),
        keys: &[&str],
        message: String,
        help: impl Into<Option<String>>,
    ) {
        let span = self.root.span_of(&path(section, name, keys));
        if !self.problems.are_at(span) {
            self.problems.report(Problem::new(span, message).maybe_help(help.into()));
        }
    }

    /// Reports elements that occur twice in a list; `what` completes "... is listed twice".
    pub(crate) fn each_once<T: PartialEq>(&mut self, key: &str, values: &[T], what: impl Fn(&T) -> String) {
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                self.report(&[key, &index.to_string()], format!("{} is listed twice", what(value)), None);
            }
        }
    }

    /// Reports keys that have no effect in combination with another one.
    pub(crate) fn no_effect(&mut self, keys: &[&str], beside: &str, help: &str) {
        for key in keys {
            if self.is_written(&[key]) {
                self.report(&[key], format!("`{key}` cannot be combined with {beside}"), help.to_owned());
            }
        }
    }
}

/// Check of a table after the images have been counted.
pub struct DataCheck<'a> {
    pub(super) table: Check<'a>,
    pub(super) facts: &'a Facts,
}

impl<'a> std::ops::Deref for DataCheck<'a> {
    type Target = Check<'a>;

    fn deref(&self) -> &Check<'a> {
        &self.table
    }
}

impl std::ops::DerefMut for DataCheck<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.table
    }
}

impl<'a> DataCheck<'a> {
    /// Returns the facts of a data set.
    ///
    /// # Errors
    /// The file does not have it, which is a bug.
    pub(crate) fn facts(&self, dataset: &str) -> Result<&'a DataFacts, Error> {
        self.facts.of(dataset)
    }

    /// Returns the keys of an element of a list, or of the value itself if the file has one value instead of a list.
    pub(crate) fn element(&self, key: &'a str, index: usize) -> Vec<String> {
        let index = index.to_string();
        match self.root.get(&path(self.section, self.name, &[key, &index])) {
            Some(_) => vec![key.to_owned(), index],
            None => vec![key.to_owned()],
        }
    }
}

/// Runs the checks of every kind on its tables after the images have been counted.
pub(crate) fn check_data(
    pipeline: &Pipeline,
    root: &TomlNode,
    language: Language,
    facts: &Facts,
    problems: &mut Problems,
) {
    for kind in language.kinds {
        for table in pipeline.tables.iter().filter(|table| table.section == kind.section()) {
            let (section, name) = (kind.section(), table.name.as_str());
            let table_check = Check { pipeline, root, section, name, problems };
            kind.check_data(&table.config, &mut DataCheck { table: table_check, facts });
        }
    }
}

/// Returns the path of a key of a table.
pub(super) fn path(section: &str, name: &str, keys: &[&str]) -> Vec<PathStep> {
    let table = [section].into_iter().chain(Some(name).filter(|name| !name.is_empty()));
    let step = |key: &&str| key.parse().map_or_else(|_| PathStep::from(*key), PathStep::Index);
    table.map(PathStep::from).chain(keys.iter().map(step)).collect()
}
