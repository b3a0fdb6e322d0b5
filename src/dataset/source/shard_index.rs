//! The index of a tar file, kept on disk, so that the headers of an unchanged file are not read again.

use super::samples::{Sample, SampleKeys, samples};
use crate::base::stamp::Stamp;
use crate::base::{Error, Result, files, hash};
use crate::dataset::names::{Interner, Names};
use crate::dataset::passed_over::PassedOver;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Version of the format, and of what an index says of the same file.
const VERSION: u32 = 1;

/// The samples of a tar file, in their order.
#[derive(Default, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct ShardIndex {
    version: u32,
    /// Stamp of the file.
    stamp: Option<Stamp>,
    /// Names of the images inside the file.
    names: Names,
    /// First byte and length in bytes of each image.
    places: Vec<[u64; 2]>,
    /// Number of the class of each image; empty if they have no labels.
    labels: Vec<u32>,
    /// Names of the classes.
    classes: Vec<String>,
    /// Names that have neither image nor label.
    pub(super) passed_over: PassedOver,
}

impl ShardIndex {
    /// Returns the index of a tar file: the one that is kept in a directory, if the file is unchanged since then.
    ///
    /// # Errors
    /// Those of [`samples`], or the index cannot be written.
    pub(super) fn of(path: &Path, keys: &SampleKeys<'_>, kept: Option<&Path>) -> Result<Self> {
        let Some(directory) = kept else { return Self::read(path, keys) };
        let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, &error))?;
        let stamp = Stamp::of(&metadata);
        let SampleKeys { image, label, label_key, class_names } = keys;
        let name = hash::digest_json(&(path.to_string_lossy(), image, label, label_key, class_names))?;
        let file = directory.join(format!("{name}.json"));
        if let Some(known) =
            Self::open(&file).filter(|known| known.stamp.as_ref() == Some(&stamp) && files::is_readable(path))
        {
            return Ok(known);
        }
        let index = Self { stamp: Some(stamp.clone()), ..Self::read(path, keys)? };
        // A file that can change again within the resolution of its times is read again.
        if stamp.is_settled() {
            files::create_directory(directory)?;
            files::write_atomic_with(&file, |file| Ok(serde_json::to_writer(file, &index)?))?;
        }
        Ok(index)
    }

    /// Reads a kept index; `None` if it is missing, damaged or of another version.
    fn open(file: &Path) -> Option<Self> {
        let index: Self = serde_json::from_reader(files::open_buffered(file).ok()?).ok()?;
        let images = index.names.len();
        let is_labeled =
            index.labels.len() == images && index.labels.iter().all(|label| (*label as usize) < index.classes.len());
        let is_valid = index.version == VERSION && index.places.len() == images;
        (is_valid && (is_labeled || index.labels.is_empty())).then_some(index)
    }

    fn read(path: &Path, keys: &SampleKeys<'_>) -> Result<Self> {
        let (found, passed_over) = samples(path, keys)?;
        let (mut index, mut classes) = (Self { version: VERSION, passed_over, ..Self::default() }, Interner::default());
        for Sample { image, label } in found {
            index.names.push(&image.name);
            index.places.push([image.offset, image.length]);
            index.labels.extend(label.map(|label| classes.number(&label)));
        }
        index.classes = classes.texts().iter().map(|class| class.as_ref().to_owned()).collect();
        Ok(index)
    }

    /// Returns (name of the image, class, [first byte, length in bytes]) of each sample.
    pub(super) fn samples(&self) -> impl Iterator<Item = (String, Option<&str>, [u64; 2])> {
        let class = |image: usize| self.labels.get(image).map(|label| self.classes[*label as usize].as_str());
        (0..self.names.len()).map(move |image| (self.names.get(image), class(image), self.places[image]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::container::ClassNames;
    use super::*;
    use std::time::{Duration, SystemTime};

    fn write(path: &Path, label: &str) {
        let mut tar = tar::Builder::new(fs::File::create(path).unwrap());
        for (name, content) in
            [("1.jpg", "image"), ("1.cls", label), ("2.jpg", "other"), ("2.cls", "b"), ("README", "")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn an_index_is_kept_until_the_file_changes() {
        let root = tempfile::tempdir().unwrap();
        let (path, kept) = (root.path().join("0.tar"), root.path().join("deep/shards"));
        write(&path, "a");
        let keys =
            SampleKeys { image: None, label: Some("cls"), label_key: "label", class_names: &ClassNames::new(None) };
        let of = || ShardIndex::of(&path, &keys, Some(&kept)).unwrap();
        let listed = |index: &ShardIndex| -> Vec<(String, String)> {
            index.samples().map(|(name, label, _)| (name, label.unwrap().to_owned())).collect()
        };
        assert_eq!(listed(&of()), [("1.jpg".to_owned(), "a".to_owned()), ("2.jpg".to_owned(), "b".to_owned())]);
        assert!(!kept.exists(), "a file that was just written can change again unnoticed");
        std::thread::sleep(Duration::from_millis(2_100));
        let index = of();
        let file = fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        // A changed class in the kept index shows that it is used.
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("[\"a\",\"b\"]", "[\"kept\",\"b\"]")).unwrap();
        assert_eq!(listed(&of())[0].1, "kept");
        for damaged in ["", "{}", &text.replace("\"labels\":[0,1]", "\"labels\":[0,2]")] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(of(), index, "{damaged}");
        }
        write(&path, "c");
        assert_eq!(listed(&of())[0].1, "c");
        let unlabeled = SampleKeys { label: None, ..keys };
        let index = ShardIndex::of(&path, &unlabeled, Some(&kept)).unwrap();
        assert!(index.samples().all(|(_, label, _)| label.is_none()));
    }
}
