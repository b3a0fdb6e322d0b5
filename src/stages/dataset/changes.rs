//! What changed in the files of a data set, in words.

use crate::dataset::{ImageId, SourceFiles};
use std::collections::BTreeMap;

/// `3 files changed, first: train/cat/12.jpg`; none where all are the same.
pub(super) fn changed_files(old: &SourceFiles, new: &SourceFiles) -> Option<String> {
    let by_name = |files: &SourceFiles| -> BTreeMap<String, ImageId> {
        files.iter().map(|file| (file.name, file.digest)).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let changed = new.iter().filter(|(name, digest)| old.get(*name).is_some_and(|old| old != *digest));
    let added = new.keys().filter(|name| !old.contains_key(*name));
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    let parts =
        [counted(changed.map(|(name, _)| name), "changed"), counted(added, "added"), counted(removed, "removed")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn counted<'a>(mut names: impl Iterator<Item = &'a String>, what: &str) -> Option<String> {
    let first = names.next()?;
    match names.count() {
        0 => Some(format!("1 file {what}: {first}")),
        more => Some(format!("{} files {what}, first: {first}", more + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::SourceFile;

    #[test]
    fn changes_of_files_are_counted_and_the_first_is_named() {
        let file = |(name, digest): &(&str, &str)| SourceFile { name: (*name).into(), digest: digest.parse().unwrap() };
        let files = |pairs: &[(&str, &str)]| -> SourceFiles { pairs.iter().map(file).collect() };
        let old = files(&[("train/a", "1"), ("train/b", "2"), ("test/c", "3")]);
        assert_eq!(changed_files(&old, &old), None);
        let new = files(&[("train/a", "9"), ("train/b", "9"), ("train/d", "4")]);
        let text = "2 files changed, first: train/a; 1 file added: train/d; 1 file removed: test/c";
        assert_eq!(changed_files(&old, &new).unwrap(), text);
    }
}
