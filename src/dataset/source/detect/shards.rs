//! Recognizes tar files (WebDataset) and Parquet files.

use super::table::LABELS;
use super::{DetectedSource, named};
use crate::base::text::visible;
use crate::base::{Error, Result, files};
use crate::dataset::part::Part;
use crate::dataset::source::entries::is_image;
use crate::dataset::source::layout::part_named;
use crate::dataset::source::parquet_file::ParquetFile;
use crate::dataset::source::samples::{is_json, split_name};
use crate::dataset::source::tar_index::members;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maximum bytes of a JSON object that is looked at.
const MAX_JSON: u64 = 1 << 20;

/// Recognizes a file, or the files of a directory and of the directories in it; `None` if there are none, or files that
/// cannot be described by a path or a pattern for each part.
///
/// # Errors
/// A directory cannot be read, or the first training file is damaged.
pub(super) fn detect(path: &Path, has_labels: bool) -> Result<Option<DetectedSource>> {
    for (extension, key) in [("parquet", "parquet"), ("tar", "webdataset")] {
        if let Some(paths) = paths(path, extension)? {
            let found = if key == "parquet" { parquet(&paths, has_labels) } else { webdataset(&paths, has_labels) }?;
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The paths of the files of a source.
struct ShardPaths {
    /// Path or pattern of each part; training files come first.
    parts: Vec<(Part, PathBuf)>,
    /// The first training file.
    first: PathBuf,
    /// Names of files of no part.
    others: Vec<String>,
}

impl ShardPaths {
    fn source(&self, key: &'static str, what: String, has_labels: bool) -> DetectedSource {
        let mut found = DetectedSource::new(key, what);
        for (part, path) in &self.parts {
            let key = part.name();
            // Without labels nothing is tested, so the other parts are not needed.
            if has_labels || [Part::Training, Part::Unlabeled].contains(part) {
                found = found.path(key, path);
            }
        }
        found = if has_labels { found } else { found.unlabeled() };
        DetectedSource { passed_over: self.others.clone(), ..found }
    }
}

/// Returns the paths of files with an extension; `None` if there are no training files, or paths and patterns do not tell
/// the parts apart.
fn paths(path: &Path, extension: &str) -> Result<Option<ShardPaths>> {
    if path.is_file() {
        let first = path.to_owned();
        let parts = vec![(Part::Training, path.to_owned())];
        return Ok(has_extension(path, extension).then_some(ShardPaths { parts, first, others: Vec::new() }));
    }
    let mut found = with_extension(path, extension)?;
    if found.is_empty() {
        let listing = files::entries(path).map_err(|error| Error::io("read the directory", path, &error))?;
        let mut directories: Vec<PathBuf> = listing.into_iter().filter(|entry| entry.is_dir()).collect();
        directories.sort_unstable();
        for directory in directories {
            found.extend(with_extension(&directory, extension)?);
        }
    }
    let mut by_part: BTreeMap<Option<Part>, Vec<PathBuf>> = BTreeMap::new();
    for file in found {
        by_part.entry(part_of(path, &file)).or_default().push(file);
    }
    let unnamed = by_part.remove(&None).unwrap_or_default();
    let (named, others) = match by_part.contains_key(&Some(Part::Training)) {
        true => (by_part, unnamed),
        // Files of no part are for training, if there are no others.
        false if by_part.is_empty() => (BTreeMap::from([(Some(Part::Training), unnamed)]), Vec::new()),
        false => return Ok(None),
    };
    let Some(first) = named.get(&Some(Part::Training)).and_then(|files| files.first()).cloned() else {
        return Ok(None);
    };
    let pattern =
        |(part, files): (&Option<Part>, &Vec<PathBuf>)| Some((part.unwrap_or_default(), pattern(files, extension)?));
    let Some(mut parts) = named.iter().map(pattern).collect::<Option<Vec<_>>>() else { return Ok(None) };
    // As in directories of images.
    let has_test = parts.iter().any(|(part, _)| *part == Part::Test);
    parts
        .iter_mut()
        .filter(|(part, _)| !has_test && *part == Part::Validation)
        .for_each(|(part, _)| *part = Part::Test);
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Some(ShardPaths { parts, first, others: others.iter().map(name).collect() }))
}

/// Returns the part that the beginning of a file's name, or the name of its directory below the root, says.
fn part_of(root: &Path, file: &Path) -> Option<Part> {
    let of_word = |name: &str| part_named(&name.chars().take_while(|c| c.is_alphabetic()).collect::<String>());
    let of_file = file.file_stem().and_then(|stem| of_word(&stem.to_string_lossy()));
    let directory = file.parent().filter(|directory| *directory != root);
    of_file.or_else(|| part_named(&directory?.file_name()?.to_string_lossy()))
}

/// Returns the path that names these files and no others: that of a directory or file, or a pattern with their first word.
fn pattern(wanted: &[PathBuf], extension: &str) -> Option<PathBuf> {
    let [first, ..] = wanted else { return None };
    if let [only] = wanted {
        return Some(only.clone());
    }
    let directory = first.parent()?;
    let all = with_extension(directory, extension).ok()?;
    if all == wanted {
        return Some(directory.to_owned());
    }
    let name = first.file_name()?.to_str()?;
    let word: String = name.chars().take_while(|c| c.is_alphabetic()).collect();
    let begins = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&word));
    let same = all.iter().filter(begins).eq(wanted);
    same.then(|| directory.join(format!("{word}*.{extension}")))
}

/// Returns the files of a directory with an extension that are not hidden, sorted.
fn with_extension(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let listing = files::entries(directory).map_err(|error| Error::io("read the directory", directory, &error))?;
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut found: Vec<PathBuf> = listing
        .into_iter()
        .filter(|path| has_extension(path, extension) && !is_hidden(path) && path.is_file())
        .collect();
    found.sort_unstable();
    Ok(found)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// Recognizes the columns of Parquet files.
fn parquet(paths: &ShardPaths, has_labels: bool) -> Result<DetectedSource> {
    let (images, all) = ParquetFile::columns(&paths.first)?;
    let image = images.iter().find(|name| *name == "image").or(images.first()).ok_or_else(|| {
        let what = format!("none of the columns {} has encoded images", named(&all));
        super::refused(
            &paths.first,
            what,
            "images are binary data, or structs {bytes, path} as of Hugging Face `datasets`",
        )
    })?;
    let label = LABELS.iter().chain(&["labels", "fine_label"]).find(|name| all.iter().any(|column| column == **name));
    let label = label.filter(|_| has_labels);
    let what = match label {
        Some(label) => format!("Parquet files with images in `{}` and labels in `{label}`", visible(image)),
        None => format!("Parquet files with images in `{}`, without labels", visible(image)),
    };
    let mut found = paths.source("parquet", what, label.is_some());
    if image != "image" {
        found = found.value("image", image.as_str());
    }
    Ok(match label {
        Some(label) if *label != "label" => found.value("label", *label),
        _ => found,
    })
}

/// Recognizes the members of tar files.
fn webdataset(paths: &ShardPaths, has_labels: bool) -> Result<DetectedSource> {
    let seen = Members::of(&paths.first)?;
    let label = seen.label().filter(|_| has_labels);
    let what = match &label {
        Some((extension, _)) => format!("tar files of images with labels in `.{}` (WebDataset)", visible(extension)),
        None => "tar files of images without labels (WebDataset)".to_owned(),
    };
    let mut found = paths.source("webdataset", what, label.is_some());
    if let Some((extension, key)) = label {
        found = if extension == "cls" { found } else { found.value("label", extension) };
        found = match key {
            Some(key) if key != "label" => found.value("label_key", key),
            _ => found,
        };
    }
    Ok(found)
}

/// What the members of a tar file are.
#[derive(Default)]
struct Members {
    /// Extensions of members that are not images.
    extensions: Vec<String>,
    /// The first JSON object, with its extension.
    json: Option<(String, Value)>,
}

impl Members {
    fn of(path: &Path) -> Result<Self> {
        let mut seen = Self::default();
        members(path, |member, content| {
            let Some((_, extension)) = split_name(&member.name) else { return Ok(()) };
            if is_image(&member.name) || seen.extensions.iter().any(|known| known == extension) {
                return Ok(());
            }
            seen.extensions.push(extension.to_owned());
            if is_json(extension) && seen.json.is_none() && member.length <= MAX_JSON {
                let mut bytes = Vec::new();
                content.read_to_end(&mut bytes)?;
                seen.json = serde_json::from_slice(&bytes).ok().map(|value| (extension.to_owned(), value));
            }
            Ok(())
        })?;
        Ok(seen)
    }

    /// Returns the extension of the labels, and their key if they are in JSON.
    fn label(&self) -> Option<(String, Option<&'static str>)> {
        if self.extensions.iter().any(|extension| extension == "cls") {
            return Some(("cls".to_owned(), None));
        }
        let (extension, object) = self.json.as_ref()?;
        let key = LABELS.iter().find(|key| matches!(object.get(**key), Some(Value::String(_) | Value::Number(_))))?;
        Some((extension.clone(), Some(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths or patterns of parts, and names of other files.
    type Found = (Vec<(Part, String)>, Vec<String>);

    fn found(names: &[&str], extension: &str) -> Option<Found> {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = paths(root.path(), extension).unwrap()?;
        let relative = |path: &Path| path.strip_prefix(root.path()).unwrap().to_str().unwrap().to_owned();
        Some((found.parts.iter().map(|(part, path)| (*part, relative(path))).collect(), found.others))
    }

    #[test]
    fn parts_are_recognized_by_names_of_files_or_directories() {
        let parts = |names: &[&str]| found(names, "tar").map(|(parts, _)| parts);
        let of = |parts: &[(Part, &str)]| Some(parts.iter().map(|(part, path)| (*part, (*path).to_owned())).collect());
        assert_eq!(parts(&["0.tar", "1.tar", ".2.tar", "x.txt"]), of(&[(Part::Training, "")]));
        assert_eq!(
            parts(&["train-0.tar", "train-1.tar", "val-0.tar", "val-1.tar", "test-0.tar"]),
            of(&[(Part::Training, "train*.tar"), (Part::Validation, "val*.tar"), (Part::Test, "test-0.tar")])
        );
        assert_eq!(
            parts(&["a/train/0.tar", "train/0.tar", "train/1.tar", "valid/0.tar"]),
            of(&[(Part::Training, "train"), (Part::Test, "valid/0.tar")])
        );
        assert_eq!(parts(&["data/train-0.tar", "data/other.tar"]), of(&[(Part::Training, "data/train-0.tar")]));
        assert_eq!(found(&["train.tar", "other.tar"], "tar").unwrap().1, ["other.tar"]);
        assert_eq!(parts(&["test-0.tar", "val-0.tar"]), None);
        assert_eq!(parts(&["train-0.tar", "training-1.tar", "trainer.tar"]), None);
        assert_eq!(parts(&["0.parquet"]), None);
        assert!(found(&["0.parquet"], "parquet").is_some());
    }
}
