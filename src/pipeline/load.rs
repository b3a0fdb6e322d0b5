//! From a file to a study.

use crate::dataset::{ClassCount, DatasetConfig, Fingerprint};
use crate::document::{self, Diagnostics, Document, Problem, Problems, SourceText, read_text};
use crate::pipeline::language;
use crate::pipeline::naming::{name_of, title_of};
use crate::stages::Dataset;
use crate::study::check::check_data;
use crate::study::read::{self, Language};
use crate::study::{DataFacts, Facts, Study, Variant};
use std::collections::BTreeMap;
use std::path::Path;

/// A checked configuration with its source text.
#[derive(Debug)]
pub struct LoadedStudy {
    /// What the file declares.
    pub study: Study,
    document: Document,
    language: Language,
}

impl LoadedStudy {
    /// Returns the path of the pipeline file.
    pub fn path(&self) -> &Path {
        self.document.path()
    }

    /// Returns the text of the pipeline file.
    pub fn text(&self) -> &str {
        self.document.text()
    }

    /// Returns the pipeline file and the files that it extends, nearest first, with their texts.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.document.files()
    }

    /// Returns the settings `path=value` that override the file.
    pub fn overrides(&self) -> &[String] {
        self.document.overrides()
    }

    /// Returns the resolved pipeline as one TOML text: the files that it extends are merged in, settings of the command
    /// line are applied, and `[sweep]` has what is still swept. Keys are sorted, except for the tables of a section and
    /// the swept keys, whose order matters; comments are dropped. Relative paths are relative to the directory of the
    /// pipeline file, where the text gives the same study as the file.
    pub fn resolved_toml(&self) -> String {
        self.document.written_out(&self.study.name)
    }

    /// Returns the swept paths, each with its shortest unique name.
    pub fn short_names(&self) -> BTreeMap<&str, &str> {
        self.study.short_names()
    }

    /// Checks one variant against its data.
    ///
    /// # Errors
    /// Every setting that does not fit the data, each with its span.
    pub fn check_data(&self, variant: usize, facts: &Facts) -> Result<(), Diagnostics> {
        let mut problems = Problems::default();
        if let Some(Variant { pipeline, .. }) = self.study.variants.get(variant) {
            check_data(pipeline, &self.document.tree(variant), self.language, facts, &mut problems);
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.into_diagnostics(self.document.sources.clone())) }
    }

    /// Checks every variant against data sets with these numbers of images.
    ///
    /// # Errors
    /// As for [`LoadedStudy::check_data`]; those of the first variant that has any.
    pub fn check_counts(&self, classes: &[ClassCount]) -> Result<(), Diagnostics> {
        for (number, Variant { pipeline, .. }) in self.study.variants.iter().enumerate() {
            let facts = |(name, config): (&str, &DatasetConfig)| {
                let fingerprint = Fingerprint::default();
                (name.to_owned(), DataFacts { config: config.clone(), fingerprint, classes: classes.to_vec() })
            };
            self.check_data(number, &Facts(pipeline.all::<Dataset>().map(facts).collect()))?;
        }
        Ok(())
    }
}

/// Reads and checks a pipeline file. `overrides` are settings `path=value` that override the file.
///
/// # Errors
/// Every problem in it, each with its span.
pub fn load(path: &Path, overrides: &[String]) -> Result<LoadedStudy, Diagnostics> {
    match read_text(path) {
        Ok(text) => parse(&text, path, overrides),
        Err(error) => {
            let mut problems = Problems::default();
            problems.report(Problem::of_file(error.message).maybe_help(error.help));
            Err(problems.into_diagnostics(vec![SourceText::of_file(path, String::new())]))
        }
    }
}

/// Checks the text of a pipeline file; relative paths in it, such as that of a file that it extends, are relative to
/// the directory of `path`, which is not read.
///
/// # Errors
/// Every problem in it, each with its span.
pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<LoadedStudy, Diagnostics> {
    let mut problems = Problems::default();
    let mut sources = Vec::new();
    let language = language();
    let document = Document::parse(text, path, overrides, language.schema, &mut sources, &mut problems);
    match document.and_then(|document| checked(document, language, &mut problems)) {
        Some(loaded) if problems.is_empty() => Ok(loaded),
        _ => Err(problems.into_diagnostics(sources)),
    }
}

fn checked(mut document: Document, language: Language, problems: &mut Problems) -> Option<LoadedStudy> {
    check_swept_values(&document, language, problems);
    let mut variants = Vec::new();
    for document::Variant { settings, tree } in document.variants(problems) {
        let pipeline = read::pipeline(tree, language, problems);
        variants.extend(pipeline.map(|pipeline| Variant { settings, pipeline }));
        if problems.are_many() {
            break;
        }
    }
    let path = document.path().to_owned();
    let name = name_of(&mut document.root, &path, problems)?;
    let title = title_of(&mut document.root, language.schema, problems).unwrap_or_else(|| name.clone());
    Some(LoadedStudy { study: Study { name, title, variants }, document, language })
}

/// Checks the values of the file that the sweep replaces in every variant: they must be valid too.
fn check_swept_values(document: &Document, language: Language, problems: &mut Problems) {
    let replaced = document.swept_places();
    if !replaced.is_empty() {
        let mut of_file = Problems::default();
        read::pipeline(document.own_tree(), language, &mut of_file);
        problems.take_at(of_file, &replaced);
    }
}
