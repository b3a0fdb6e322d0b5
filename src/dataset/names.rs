//! Long lists of names and paths of files, in which those of a directory share its text.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;

/// A list of names such as `cat/12.jpg`.
#[derive(Clone, Default)]
pub(crate) struct Names {
    /// Directories, each with a separator at its end.
    directories: Interner,
    /// Directory of each name.
    of_names: Vec<u32>,
    /// What follows the directory, of all names.
    files: String,
    /// End of each in `files`.
    ends: Vec<usize>,
}

impl Names {
    /// Returns the number of names.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a name.
    pub(crate) fn push(&mut self, name: &str) {
        let (directory, file) = name.split_at(name.rfind(['/', MAIN_SEPARATOR]).map_or(0, |at| at + 1));
        let number = self.directories.number(directory);
        self.of_names.push(number);
        self.files.push_str(file);
        self.ends.push(self.files.len());
    }

    /// Returns the name at a position.
    pub(crate) fn get(&self, position: usize) -> String {
        [&self.directories.texts[self.of_names[position] as usize], self.file(position)].concat()
    }

    /// Returns the name at a position without its directory.
    pub(super) fn file(&self, position: usize) -> &str {
        let start = position.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.files[start..self.ends[position]]
    }

    /// Returns the names one by one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = String> {
        (0..self.len()).map(|position| self.get(position))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Names {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push(name.as_ref()));
        all
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Names, A::Error> {
                let mut all = Names::default();
                while let Some(name) = names.next_element::<String>()? {
                    all.push(&name);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(NamesVisitor)
    }
}

/// A list of paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Paths {
    names: Names,
    /// Paths that are not UTF-8, whose names are empty, by their position.
    others: BTreeMap<usize, PathBuf>,
}

/// Texts of which many are the same, such as classes, by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interner {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Interner {
    /// Returns the number of a text, in the order of their first occurrence.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (text, number) = (Arc::<str>::from(text), self.texts.len() as u32);
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// Returns the distinct texts by number.
    pub(crate) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    /// Returns the shared form of a text.
    pub(crate) fn shared(&mut self, text: &str) -> Arc<str> {
        let number = self.number(text);
        self.texts[number as usize].clone()
    }
}

/// A path as it is written to files.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum WrittenPath {
    Text(String),
    Other(OsString),
}

impl Paths {
    /// Returns the number of paths.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Adds a path.
    pub(crate) fn push(&mut self, path: &Path) {
        if path.to_str().is_none() {
            self.others.insert(self.len(), path.to_owned());
        }
        self.names.push(path.to_str().unwrap_or_default());
    }

    /// Returns the path at a position.
    pub(crate) fn get(&self, position: usize) -> PathBuf {
        self.others.get(&position).cloned().unwrap_or_else(|| self.names.get(position).into())
    }

    /// Returns the paths one by one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PathBuf> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// Returns the path at a position as it is written.
    pub(super) fn written(&self, position: usize) -> WrittenPath {
        match self.others.get(&position) {
            Some(path) => WrittenPath::Other(path.clone().into()),
            None => WrittenPath::Text(self.names.get(position)),
        }
    }
}

impl From<WrittenPath> for PathBuf {
    fn from(path: WrittenPath) -> Self {
        match path {
            WrittenPath::Text(text) => text.into(),
            WrittenPath::Other(path) => path.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_and_share_their_directories() {
        let list = ["cat/1.jpg", "dog/2.jpg", "cat/ä.jpg", "", "3.jpg", "cat/deep/4.jpg", "/5.jpg", "dir/"];
        let names: Names = list.iter().collect();
        assert_eq!((names.len(), names.directories.texts().len()), (list.len(), 6));
        assert_eq!(names.iter().collect::<Vec<_>>(), list);
        assert_eq!([names.file(0), names.file(2), names.file(3)], ["1.jpg", "ä.jpg", ""]);
        let text = serde_json::to_string(&names).unwrap();
        assert_eq!(text, serde_json::to_string(&list).unwrap());
        assert_eq!(serde_json::from_str::<Names>(&text).unwrap(), names);
    }

    #[cfg(unix)]
    #[test]
    fn paths_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        let other = PathBuf::from(std::ffi::OsStr::from_bytes(b"/data/caf\xe9.jpg"));
        let mut paths = Paths::default();
        let list = [PathBuf::from("/data/1.jpg"), other, PathBuf::from("2.jpg")];
        list.iter().for_each(|path| paths.push(path));
        assert_eq!(paths.iter().collect::<Vec<_>>(), list);
        for (position, path) in list.iter().enumerate() {
            let text = serde_json::to_string(&paths.written(position)).unwrap();
            assert_eq!(PathBuf::from(serde_json::from_str::<WrittenPath>(&text).unwrap()), *path);
        }
    }
}
