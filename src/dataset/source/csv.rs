//! Images and their labels listed in a CSV file.

use super::listing::{Images, Labels, TestImages};
use super::normal_form::existing;
use super::problem::{SourceProblem, check_path, check_test_fraction, default_test_fraction};
use super::{Listing, MAX_NAMED, Source};
use crate::base::text::{is_hidden, visible};
use crate::base::{Error, Result, files};
use crate::dataset::passed_over::PassedOver;
use csv::{ReaderBuilder, StringRecord, Trim};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Images and their labels listed in a CSV file.
///
/// The file has a header and a row per image. Test images are those of a second file or of a column that says so;
/// without either, `test_fraction` of the images is held out. Spaces around a value do not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// CSV file that lists the images.
    #[schemars(extend("format" = "path"))]
    pub file: PathBuf,
    /// CSV file that lists the test images, with the same columns.
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Name of the column with the paths of the images, relative to the directory of the CSV file.
    #[serde(default = "Csv::default_path")]
    pub path: String,
    /// Name of the column with the labels.
    #[serde(default = "Csv::default_label")]
    pub label: String,
    /// Name of the column that is `train` or `test` for each image.
    pub split: Option<String>,
    /// Fraction of the images held out for testing if there is neither `test` nor `split`, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

impl Csv {
    fn default_path() -> String {
        "path".to_owned()
    }

    fn default_label() -> String {
        "label".to_owned()
    }

    /// Returns the columns that are read, each with its key.
    fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let split = self.split.as_deref().map(|name| ("split", name));
        [("path", self.path.as_str()), ("label", self.label.as_str())].into_iter().chain(split)
    }

    fn holds_out(&self) -> bool {
        self.test.is_none() && self.split.is_none()
    }
}

impl Source for Csv {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let mut problems: Vec<SourceProblem> = check_path("file", &self.file).into_iter().collect();
        problems.extend(self.test.as_deref().and_then(|test| check_path("test", test)));
        for (index, (key, name)) in self.columns().enumerate() {
            if name.trim().is_empty() {
                problems.push(SourceProblem::new(key, "the name of the column is empty"));
            } else if let Some((other, _)) = self.columns().take(index).find(|(_, other)| *other == name) {
                problems.push(SourceProblem::new(key, format!("`{key}` is the same column as `{other}`")));
            }
        }
        if self.test.is_some() && self.split.is_some() {
            let message = "`split` cannot be combined with a `test` file";
            problems.push(SourceProblem::new("split", message).help("remove one of the two"));
        }
        let split = self.split.as_ref().map(|_| "a `split` column");
        let test = self.test.as_ref().map(|_| "a `test` file").or(split);
        problems.extend(check_test_fraction(self.test_fraction, test, is_written));
        problems
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let mut seen = HashMap::new();
        let mut rows = Table::read(&self.file)?.rows(self, false, &mut seen)?;
        if let Some(test) = &self.test {
            rows.extend(Table::read(test)?.rows(self, true, &mut seen)?);
        }
        let is_test = rows.iter().map(|row| row.is_test).collect();
        let test = if self.holds_out() { TestImages::HeldOut(self.test_fraction) } else { TestImages::Given(is_test) };
        let (names, (paths, labels)): (_, (_, Vec<_>)) =
            rows.into_iter().map(|row| (row.name, (row.path, row.label))).unzip();
        let mut labels = Labels::of_names(&labels, []);
        labels.files = [Some(&self.file), self.test.as_ref()].into_iter().flatten().cloned().collect();
        Ok(Listing { images: Images::of_files(names, paths, PassedOver::default()), labels, test })
    }

    fn content(&self, _: usize) -> Value {
        json!({ "test_fraction": self.holds_out().then_some(self.test_fraction) })
    }

    fn place(&self) -> String {
        self.file.display().to_string()
    }

    fn describe(&self) -> String {
        "images and labels listed in a CSV file".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some("`csv` takes the class from the column that `label` names")
    }
}

/// Maximum bytes of a label, as of the name of a directory.
const MAX_LABEL: usize = 255;

/// An image of the file.
struct Row {
    /// Path as it is written, without `./`.
    name: String,
    path: PathBuf,
    label: String,
    is_test: bool,
}

/// File and line where each image was listed.
type Seen<'a> = HashMap<PathBuf, (&'a Path, usize)>;

/// A file with a header.
struct Table<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
}

impl<'a> Table<'a> {
    fn read(path: &'a Path) -> Result<Self> {
        let help = "give a CSV file with a header; relative paths are relative to the pipeline file";
        Ok(Self { path, bytes: files::read(path).map_err(|error| error.help(help))? })
    }

    /// Returns the images, sorted by name, so that they do not depend on the order of the rows.
    ///
    /// # Errors
    /// A column or an image is missing, or rows have no image, no label or an unsafe one, or the image of another row.
    fn rows(&self, config: &Csv, is_test: bool, seen: &mut Seen<'a>) -> Result<Vec<Row>> {
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(self.bytes.as_slice());
        let header = reader.headers().map_err(|error| self.malformed(&error))?.clone();
        let columns =
            config.columns().map(|(key, name)| self.column(key, name, &header)).collect::<Result<Vec<_>>>()?;
        let split = columns.get(2).filter(|_| config.test.is_none()).copied();
        let (mut rows, mut problems, mut lines) = (Vec::new(), Vec::new(), Lines::default());
        for record in reader.into_records() {
            let record = record.map_err(|error| self.malformed(&error))?;
            let line = lines.of_byte(record.position().map_or(0, csv::Position::byte), &self.bytes);
            let value = |column: usize| record.get(column).unwrap_or_default();
            let row = is_test_row(split.map(value), is_test)
                .and_then(|is_test| self.row(value(columns[0]), value(columns[1]), is_test))
                .and_then(|row| self.once(row, line, seen));
            match row {
                Ok(row) => rows.push(row),
                Err(problem) => problems.push((line, problem)),
            }
        }
        match problems.is_empty() {
            true if rows.is_empty() => Err(self.error(&[(1, "there are no rows below the header".to_owned())])),
            true => {
                rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Ok(rows)
            }
            false => Err(self.error(&problems)),
        }
    }

    /// Returns the index of the column that a key names.
    fn column(&self, key: &str, name: &str, header: &StringRecord) -> Result<usize> {
        let mut found = (0..header.len()).filter(|&index| header.get(index) == Some(name.trim()));
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => Err(self.error(&[(1, format!("there are several columns `{}`", visible(name)))])),
            (None, _) => {
                let names: Vec<String> = header.iter().map(|name| format!("`{}`", visible(name))).collect();
                let message = format!("there is no column `{}`; the columns are {}", visible(name), names.join(", "));
                let help = format!("set `{key}` to the name of a column of the file");
                Err(Error::stage(message).at(self.place(1)).help(help))
            }
        }
    }

    fn row(&self, path: &str, label: &str, is_test: bool) -> Result<Row, String> {
        if path.is_empty() {
            return Err("the path of the image is empty".to_owned());
        }
        let relative: PathBuf =
            Path::new(path).components().filter(|component| *component != Component::CurDir).collect();
        let name = relative.to_string_lossy().into_owned();
        check_label(label).map_err(|problem| format!("the label of `{}` {problem}", visible(&name)))?;
        let path = existing(self.path.parent().unwrap_or(Path::new("")), &relative);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Err(format!("`{}` is a directory, not an image", visible(&name))),
            Err(error)
                if error.kind() == ErrorKind::InvalidInput
                    || error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() =>
            {
                Err(format!("the image `{}` does not exist", visible(&name)))
            }
            // Other failures, such as a dangling link, are those of a broken file, which decoding reports.
            _ => Ok(Row { name, path, label: label.to_owned(), is_test }),
        }
    }

    /// Checks that an image has not been listed before.
    fn once(&self, row: Row, line: usize, seen: &mut Seen<'a>) -> Result<Row, String> {
        match seen.insert(row.path.clone(), (self.path, line)) {
            None => Ok(row),
            Some((path, before)) if path == self.path => {
                Err(format!("the image `{}` is also listed in line {before}", visible(&row.name)))
            }
            Some((path, before)) => {
                let (name, path) = (visible(&row.name), path.display().to_string());
                Err(format!("the image `{name}` is also listed in line {before} of {}", visible(&path)))
            }
        }
    }

    fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// Returns the error for a file that is not CSV.
    fn malformed(&self, error: &csv::Error) -> Error {
        let message = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("a row with {len} values below a header with {expected_len}")
            }
            _ => format!("cannot read it as CSV: {error}"),
        };
        let byte = error.position().map_or(0, csv::Position::byte);
        self.error(&[(Lines::default().of_byte(byte, &self.bytes), message)])
    }

    /// Returns the error for problems, each with its line.
    fn error(&self, problems: &[(usize, String)]) -> Error {
        let help = "every row needs the path of an image, relative to the directory of the CSV file, and a label";
        if let [(line, problem)] = problems {
            return Error::stage(problem).at(self.place(*line)).help(help);
        }
        let mut message = format!("{} rows are not valid:", problems.len());
        for (line, problem) in problems.iter().take(MAX_NAMED) {
            // Writing to a string cannot fail.
            let _ = write!(message, "\n    line {line}: {problem}");
        }
        if problems.len() > MAX_NAMED {
            let _ = write!(message, "\n    and {} more", problems.len() - MAX_NAMED);
        }
        Error::stage(message).at(self.path.display().to_string()).help(help)
    }
}

/// Returns whether a row is a test image: as its `split` says, if there is that column.
fn is_test_row(split: Option<&str>, of_file: bool) -> Result<bool, String> {
    match split {
        None => Ok(of_file),
        Some("train") => Ok(false),
        Some("test") => Ok(true),
        Some(other) => Err(format!("expected `train` or `test`, found `{}`", visible(other))),
    }
}

/// Checks that a label can be shown; the error completes "the label of ...".
fn check_label(label: &str) -> Result<(), String> {
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

/// Counts lines. The reader's own count is that of the line where the record before ends.
#[derive(Default)]
struct Lines {
    byte: usize,
    breaks: usize,
}

impl Lines {
    /// Returns the line, from 1, of the first record at or behind a byte; bytes must not decrease between calls.
    fn of_byte(&mut self, byte: u64, bytes: &[u8]) -> usize {
        let start = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.byte, bytes.len());
        let blank = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.breaks += bytes[self.byte..start + blank].iter().filter(|&&byte| byte == b'\n').count();
        self.byte = start + blank;
        self.breaks + 1
    }
}
