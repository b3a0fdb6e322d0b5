//! Unicode normalization: macOS writes `é` in file names as two characters, other systems as one.

use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

/// Returns a name with every accented letter as one character (NFC).
pub(super) fn normal_form(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { name.nfc().collect() }
}

/// Returns the path of a file below a directory, in the normalization form in which it exists, if it does.
pub(super) fn existing(directory: &Path, relative: &Path) -> PathBuf {
    let path = directory.join(relative);
    match relative.to_str() {
        Some(name) if !name.is_ascii() && path.symlink_metadata().is_err() => {
            let forms = [name.nfc().collect::<String>(), name.nfd().collect()];
            let other = forms.iter().map(|form| directory.join(form)).find(|path| path.symlink_metadata().is_ok());
            other.unwrap_or(path)
        }
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let (composed, decomposed) = ("caf\u{e9}.png", "cafe\u{301}.png");
        assert_eq!(normal_form(decomposed), composed);
        for (written, asked) in [(composed, decomposed), (decomposed, composed)] {
            std::fs::write(directory.path().join(written), "").unwrap();
            assert!(existing(directory.path(), Path::new(asked)).exists(), "{asked}");
            std::fs::remove_file(directory.path().join(written)).unwrap();
        }
        assert_eq!(existing(directory.path(), Path::new(composed)), directory.path().join(composed));
    }
}
