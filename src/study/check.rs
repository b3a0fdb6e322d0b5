//! What a kind sees of the file while it checks one of its tables.

use crate::base::Error;
use crate::document::{PathStep, Problem, Problems, Span, TomlNode};
use crate::study::read::Language;
use crate::study::{DataFacts, Facts, Pipeline};

/// Checks of a table before the data is looked at.
pub struct Check<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) root: &'a TomlNode,
    pub(super) section: &'static str,
    pub(super) name: &'a str,
    pub(super) problems: &'a mut Problems,
}

impl<'a> Check<'a> {
    /// Name of the table; empty for one without a name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The table as it is written in the file, without brackets: `pretrain.main`, `dataset`.
    pub fn title(&self) -> String {
        if self.name.is_empty() { self.section.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// The tables of the file, as far as they could be read.
    pub fn pipeline(&self) -> &'a Pipeline {
        self.pipeline
    }

    /// Whether a key of the table is written in the file.
    pub fn is_written(&self, keys: &[&str]) -> bool {
        self.root.get(&path(self.section, self.name, keys)).is_some_and(|node| node.span != Span::NOWHERE)
    }

    /// Reports what is wrong with a key of the table; elements of lists are keys by their number.
    pub fn report(&mut self, keys: &[&str], message: impl Into<String>, help: impl Into<Option<String>>) {
        let span = self.root.span_of(&path(self.section, self.name, keys));
        self.problems.report(Problem::new(span, message).maybe_help(help.into()));
    }

    /// Reports what is wrong with a key of another section, unless it has been reported for another table.
    pub fn report_elsewhere(
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

    /// Reports elements of a list that are there twice; `what` completes "... is listed twice".
    pub fn each_once<T: PartialEq>(&mut self, key: &str, values: &[T], what: impl Fn(&T) -> String) {
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                self.report(&[key, &index.to_string()], format!("{} is listed twice", what(value)), None);
            }
        }
    }

    /// Reports keys that have no effect beside another one.
    pub fn no_effect(&mut self, keys: &[&str], beside: &str, help: &str) {
        for key in keys {
            if self.is_written(&[key]) {
                self.report(&[key], format!("`{key}` cannot be combined with {beside}"), help.to_owned());
            }
        }
    }
}

/// Checks of a table when the images have been counted.
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
    /// What is known of a data set.
    ///
    /// # Errors
    /// It is not one of the file, which is a bug.
    pub fn facts(&self, dataset: &str) -> Result<&'a DataFacts, Error> {
        self.facts.of(dataset)
    }

    /// Where the values of a list are written: the element, or the key itself where one value is written without a list.
    pub fn element(&self, key: &'a str, index: usize) -> Vec<String> {
        let index = index.to_string();
        match self.root.get(&path(self.section, self.name, &[key, &index])) {
            Some(_) => vec![key.to_owned(), index],
            None => vec![key.to_owned()],
        }
    }
}

/// Runs the checks of every kind on its tables, now that the images have been counted.
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

/// The path of a key of a table.
pub(super) fn path(section: &str, name: &str, keys: &[&str]) -> Vec<PathStep> {
    let table = [section].into_iter().chain(Some(name).filter(|name| !name.is_empty()));
    let step = |key: &&str| key.parse().map_or_else(|_| PathStep::from(*key), PathStep::Index);
    table.map(PathStep::from).chain(keys.iter().map(step)).collect()
}
