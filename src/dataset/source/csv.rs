//! Images and their labels listed in a CSV file.

use super::found_images::{FoundImage, FoundImages};
use super::normal_form::existing;
use super::problem::{
    SourceProblem, check_label, check_path, check_test_fraction, default_labels, default_test_fraction,
};
use super::{Listing, MAX_NAMED, Source};
use crate::base::text::visible;
use crate::base::{Error, Result, files};
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::dataset::store::StoreForm;
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
    /// Whether the images have labels; with `false`, there need be no column for them, and without `test` or `split` all
    /// images are for training.
    #[serde(default = "default_labels", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub labels: bool,
    /// Name of the column that is `train`, `validation` (or `val`, `valid`), `test` or `unlabeled` for each image. If
    /// there are validation images, they are used instead of `validation_fraction`; images that are `unlabeled` need no
    /// label, and only pretraining uses them.
    pub split: Option<String>,
    /// Name of the column with the group of each image, such as a patient. No group has images on both sides of a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
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
        let label = self.labels.then_some(("label", self.label.as_str()));
        let split = self.split.as_deref().map(|name| ("split", name));
        let group = self.group.as_deref().map(|name| ("group", name));
        [Some(("path", self.path.as_str())), label, split, group].into_iter().flatten()
    }

    /// Returns the fraction of the images that is to be held out for testing.
    fn test_fraction(&self) -> Option<f64> {
        (self.labels && self.test.is_none() && self.split.is_none()).then_some(self.test_fraction)
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
            problems.push(SourceProblem::exclusive("split", "a `test` file"));
        }
        if !self.labels && is_written("label") {
            problems.push(SourceProblem::exclusive("label", "`labels = false`"));
        }
        let split = self.split.as_ref().map(|_| "a `split` column");
        let unlabeled = (!self.labels).then_some("`labels = false`");
        let test = self.test.as_ref().map(|_| "a `test` file").or(split).or(unlabeled);
        problems.extend(check_test_fraction(self.test_fraction, test, is_written));
        problems
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let mut seen = HashMap::new();
        let mut images = Table::read(&self.file)?.images(self, Part::Training, &mut seen)?;
        if let Some(test) = &self.test {
            images.extend(Table::read(test)?.images(self, Part::Test, &mut seen)?);
        }
        let mut found = FoundImages::default();
        for ListedImage { name, path, class, part, group } in &images {
            found.push(FoundImage { name, path, class: class.as_deref(), part: *part, group: group.as_deref() });
        }
        let mut listing = Listing::of_files(found, [], PassedOver::default(), self.test_fraction());
        listing.labels.files = [Some(&self.file), self.test.as_ref()].into_iter().flatten().cloned().collect();
        Ok(listing)
    }

    fn content(&self, _: usize, held_out: Option<f64>) -> Value {
        json!({ "test_fraction": held_out })
    }

    fn most_compact(&self) -> StoreForm {
        StoreForm::None
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

/// An image that a row lists.
struct ListedImage {
    name: String,
    path: PathBuf,
    class: Option<String>,
    part: Part,
    group: Option<String>,
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
    fn images(&self, config: &Csv, part: Part, seen: &mut Seen<'a>) -> Result<Vec<ListedImage>> {
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(self.bytes.as_slice());
        let header = reader.headers().map_err(|error| self.malformed(&error))?.clone();
        let columns: HashMap<&str, usize> =
            config.columns().map(|(key, name)| Ok((key, self.column(key, name, &header)?))).collect::<Result<_>>()?;
        let (mut images, mut problems, mut lines) = (Vec::new(), Vec::new(), Lines::default());
        for record in reader.into_records() {
            let record = record.map_err(|error| self.malformed(&error))?;
            let line = lines.of_byte(record.position().map_or(0, csv::Position::byte), &self.bytes);
            let value = |key: &str| columns.get(key).map(|column| record.get(*column).unwrap_or_default());
            match self.image(value, part).and_then(|image| self.once(image, line, seen)) {
                Ok(image) => images.push(image),
                Err(problem) => problems.push((line, problem)),
            }
        }
        match problems.is_empty() {
            true if images.is_empty() => Err(self.error(&[(1, "there are no rows below the header".to_owned())])),
            true => {
                images.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                Ok(images)
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
                let or_unlabeled =
                    if key == "label" { ", or `labels = false` if the images have no labels" } else { "" };
                let help = format!("set `{key}` to the name of a column of the file{or_unlabeled}");
                Err(Error::stage(message).at(self.place(1)).help(help))
            }
        }
    }

    /// Returns the image of a row, from the values of its columns by key.
    fn image<'r>(&self, value: impl Fn(&str) -> Option<&'r str>, part: Part) -> Result<ListedImage, String> {
        let part = value("split").map_or(Ok(part), part_of)?;
        let path = value("path").filter(|path| !path.is_empty()).ok_or("the path of the image is empty")?;
        let relative: PathBuf =
            Path::new(path).components().filter(|component| *component != Component::CurDir).collect();
        let name = relative.to_string_lossy().into_owned();
        let class = value("label").filter(|_| part != Part::Unlabeled);
        let unsafe_value = |what, problem| format!("the {what} of `{}` {problem}", visible(&name));
        class.map_or(Ok(()), check_label).map_err(|problem| unsafe_value("label", problem))?;
        let group = value("group");
        group.map_or(Ok(()), check_label).map_err(|problem| unsafe_value("group", problem))?;
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
            _ => Ok(ListedImage { name, path, class: class.map(str::to_owned), part, group: group.map(str::to_owned) }),
        }
    }

    /// Checks that an image has not been listed before.
    fn once(&self, image: ListedImage, line: usize, seen: &mut Seen<'a>) -> Result<ListedImage, String> {
        match seen.insert(image.path.clone(), (self.path, line)) {
            None => Ok(image),
            Some((path, before)) if path == self.path => {
                Err(format!("the image `{}` is also listed in line {before}", visible(&image.name)))
            }
            Some((path, before)) => {
                let (name, path) = (visible(&image.name), path.display().to_string());
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

/// Returns the part that the `split` column names.
fn part_of(split: &str) -> Result<Part, String> {
    match split {
        "train" => Ok(Part::Training),
        "validation" | "valid" | "val" => Ok(Part::Validation),
        "test" => Ok(Part::Test),
        "unlabeled" => Ok(Part::Unlabeled),
        other => Err(format!("expected `train`, `validation`, `test` or `unlabeled`, found `{}`", visible(other))),
    }
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
