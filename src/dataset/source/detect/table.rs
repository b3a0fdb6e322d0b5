//! Recognizes the columns of a CSV file that lists images.

use super::{DetectedSource, named, refused};
use crate::base::{Error, Result, files};
use csv::{ReaderBuilder, StringRecord, Trim};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rows that are looked at.
const SAMPLE: usize = 1000;
/// Usual names of columns.
const PATHS: [&str; 8] = ["path", "file", "filename", "file_name", "filepath", "image", "image_path", "img"];
/// Usual names of what has the label.
pub(super) const LABELS: [&str; 9] =
    ["label", "class", "category", "target", "class_name", "label_name", "diagnosis", "species", "y"];
const SPLITS: [&str; 5] = ["split", "subset", "set", "partition", "part"];
const GROUPS: [&str; 5] = ["group", "patient", "patient_id", "subject", "subject_id"];

/// A recognized CSV file.
pub(super) struct DetectedTable {
    pub(super) source: DetectedSource,
    pub(super) label: LabelColumn,
}

/// How sure it is that a column has labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelColumn {
    /// Its name says so.
    Named,
    /// Its values repeat, as those of classes do.
    Guessed,
    /// There is none.
    Missing,
}

/// Recognizes a CSV file, with a second one for test images. Without `has_labels`, no column of labels is looked for.
///
/// # Errors
/// The file cannot be read, or no column has paths of existing images.
pub(super) fn detect(file: &Path, test: Option<PathBuf>, has_labels: bool) -> Result<DetectedTable> {
    let table = Sample::read(file)?;
    let Some(path) = table.path_column(file.parent().unwrap_or(Path::new(""))) else {
        let header: Vec<String> = table.header.iter().map(str::to_owned).collect();
        let what = format!("none of the columns {} has paths of existing images", named(&header));
        return Err(refused(file, what, "write paths relative to the directory of the CSV file, in a column `path`"));
    };
    let split = table.named(&SPLITS, &[path]).filter(|column| has_labels && test.is_none() && table.is_split(*column));
    let group = table.named(&GROUPS, &[path]).filter(|_| has_labels);
    let used: Vec<usize> = [Some(path), split, group].into_iter().flatten().collect();
    let (label, column) = table.label_column(&used, has_labels);
    let name = |column: usize| table.header.get(column).unwrap_or_default().to_owned();
    let what = match column {
        Some(column) => format!("a CSV file with paths in `{}` and labels in `{}`", name(path), name(column)),
        None => format!("a CSV file with paths in `{}`, without labels", name(path)),
    };
    let mut source = DetectedSource::new("csv", what).path("file", file).value("path", name(path));
    source = match column {
        Some(column) => source.maybe_path("test", test).value("label", name(column)),
        None => source.unlabeled(),
    };
    for (key, column) in [("split", split), ("group", group)] {
        if let Some(column) = column {
            source = source.value(key, name(column));
        }
    }
    Ok(DetectedTable { source, label })
}

/// Recognizes a CSV file in a directory: the only one, or `train.csv` and `test.csv`. `None` if there is none that lists
/// images.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn detect_inside(directory: &Path, has_labels: bool) -> Result<Option<DetectedTable>> {
    let listing = files::entries(directory).map_err(|error| Error::io("read the directory", directory, &error))?;
    let is_csv = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "csv") && path.is_file();
    let tables: Vec<PathBuf> = listing.into_iter().filter(is_csv).collect();
    let (train, test) = (directory.join("train.csv"), directory.join("test.csv"));
    Ok(match tables.as_slice() {
        [only] => detect(only, None, has_labels).ok(),
        [_, _] if tables.contains(&train) && tables.contains(&test) => detect(&train, Some(test), has_labels).ok(),
        _ => None,
    })
}

/// The header and the first rows of a CSV file.
struct Sample {
    header: StringRecord,
    rows: Vec<StringRecord>,
}

impl Sample {
    fn read(file: &Path) -> Result<Self> {
        let bytes = files::read(file)?;
        let malformed = |error: csv::Error| {
            refused(
                file,
                format!("cannot read it as CSV: {error}"),
                "give a CSV file with a header and a row per image",
            )
        };
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes.as_slice());
        let header = reader.headers().map_err(malformed)?.clone();
        let rows: Vec<StringRecord> =
            reader.into_records().take(SAMPLE).collect::<Result<_, _>>().map_err(malformed)?;
        Ok(Self { header, rows })
    }

    fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row.get(column).unwrap_or_default())
    }

    /// Returns the first column with one of these names that is not used.
    fn named(&self, names: &[&str], used: &[usize]) -> Option<usize> {
        let column = |name: &&str| self.header.iter().position(|header| header.eq_ignore_ascii_case(name));
        names.iter().filter_map(column).find(|column| !used.contains(column))
    }

    /// Returns the column whose values are paths of files, those with a usual name first.
    fn path_column(&self, directory: &Path) -> Option<usize> {
        let are_files = |column: &usize| {
            !self.rows.is_empty() && self.values(*column).all(|path| !path.is_empty() && directory.join(path).is_file())
        };
        self.named(&PATHS, &[]).filter(are_files).or_else(|| (0..self.header.len()).find(are_files))
    }

    fn is_split(&self, column: usize) -> bool {
        let known = ["train", "validation", "valid", "val", "test", "unlabeled"];
        self.values(column).all(|value| known.contains(&value)) && self.values(column).any(|value| value == "test")
    }

    /// Returns the unused column with labels: one with a usual name, else the first whose values are those of classes,
    /// several of them, each on average at least twice.
    fn label_column(&self, used: &[usize], has_labels: bool) -> (LabelColumn, Option<usize>) {
        if !has_labels {
            return (LabelColumn::Missing, None);
        }
        if let Some(column) = self.named(&LABELS, used) {
            return (LabelColumn::Named, Some(column));
        }
        let guessed = (0..self.header.len()).filter(|column| !used.contains(column)).find(|column| {
            let distinct: BTreeSet<&str> = self.values(*column).collect();
            !distinct.contains("") && distinct.len() >= 2 && 2 * distinct.len() <= self.rows.len()
        });
        (if guessed.is_some() { LabelColumn::Guessed } else { LabelColumn::Missing }, guessed)
    }
}
