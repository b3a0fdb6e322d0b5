//! Compiled kernels in the user's cache directory, so that only the first process spends seconds on compiling them.
//!
//! A file holds the digest of the image, then the image. One that is damaged is replaced.

use crate::base::hash::digest_bytes;
use crate::base::{Result, files};
use std::env;
use std::path::{Path, PathBuf};

/// Returns the image with a key, which must cover everything that determines it, or compiles and keeps it.
///
/// # Errors
/// The image cannot be compiled. A cache that cannot be read or written is no error.
pub(super) fn load_or_compile(key: &str, compile: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    match directory(env::var_os("XDG_CACHE_HOME").map(PathBuf::from), env::var_os("HOME").map(PathBuf::from)) {
        Some(directory) => load_or_compile_in(&directory, key, compile),
        None => compile(),
    }
}

/// Returns the cache directory of this program, by the XDG base directory specification.
fn directory(cache: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let cache = cache.filter(absolute).or_else(|| Some(home.filter(absolute)?.join(".cache")));
    Some(cache?.join("simclr"))
}

fn load_or_compile_in(directory: &Path, key: &str, compile: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let path = directory.join(format!("kernels-{key}.bin"));
    if let Some(image) = read(&path) {
        return Ok(image);
    }
    let image = compile()?;
    let bytes = [digest_bytes(&image).as_bytes(), &image].concat();
    let _ = files::create_directory(directory).and_then(|()| files::write_atomic(&path, &bytes));
    Ok(image)
}

/// Returns the image in a file; `None` if it is missing or damaged.
fn read(path: &Path) -> Option<Vec<u8>> {
    let bytes = files::read_bytes(path).ok()?;
    let (digest, image) = bytes.split_at_checked(digest_bytes(&[]).len())?;
    (digest_bytes(image).as_bytes() == digest).then(|| image.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Error;

    fn fails() -> Result<Vec<u8>> {
        Err(Error::stage("compiled again"))
    }

    #[test]
    fn an_image_is_compiled_once_and_again_when_its_file_is_damaged() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("new");
        let compile = || Ok(b"image".to_vec());
        assert_eq!(load_or_compile_in(&directory, "key", compile).unwrap(), b"image");
        assert_eq!(load_or_compile_in(&directory, "key", fails).unwrap(), b"image");
        assert!(load_or_compile_in(&directory, "other", fails).is_err());
        let path = directory.join("kernels-key.bin");
        let whole = std::fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..7], &[], &[&whole[..], b"x"].concat()] {
            std::fs::write(&path, damaged).unwrap();
            assert!(load_or_compile_in(&directory, "key", fails).is_err());
        }
        assert_eq!(load_or_compile_in(&directory, "key", compile).unwrap(), b"image");
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(load_or_compile_in(file.path(), "key", || Ok(vec![7])).unwrap(), [7]);
    }

    #[test]
    fn the_cache_directory_is_that_of_the_user() {
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(directory(path("/cache"), path("/home/me")), path("/cache/simclr"));
        assert_eq!(directory(path("relative"), path("/home/me")), path("/home/me/.cache/simclr"));
        assert_eq!(directory(None, None), None);
    }
}
