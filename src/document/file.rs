//! Reading the text of a pipeline file.

use crate::base::files::{self, open_regular};
use crate::base::nearest::nearest;
use crate::document::source::MAX_BYTES;
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

/// The reason that a file cannot be used.
pub(crate) struct ReadError {
    /// What is wrong, a sentence without a full stop.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) help: Option<String>,
}

/// Reads a file of at most [`MAX_BYTES`] of UTF-8 that a user names; it may be a pipe, `<(...)` in a shell.
pub(crate) fn read_text(path: &Path) -> Result<String, ReadError> {
    read(path, File::open(path))
}

/// Reads a file as [`read_text`] does, but only a regular one: a file named by another file must not be a pipe.
pub(crate) fn read_regular_text(path: &Path) -> Result<String, ReadError> {
    read(path, open_regular(path))
}

fn read(path: &Path, opened: Result<File, Error>) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let read = opened.and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| read_error(path, &error))?;
    if bytes.len() > MAX_BYTES {
        return Err(ReadError {
            message: "the file is larger than 1 MB, which is too large for a pipeline file".to_owned(),
            help: Some("pass a TOML file such as those in `pipelines/`".to_owned()),
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
        ReadError {
            message: format!("the file is not UTF-8 text: line {line} has the byte 0x{:02x}", bytes[before]),
            help: Some("save it as UTF-8 in your editor".to_owned()),
        }
    })
}

fn read_error(path: &Path, error: &Error) -> ReadError {
    let help = match error.kind() {
        ErrorKind::NotFound => similar_file(path),
        ErrorKind::IsADirectory => Some("pass a file inside it".to_owned()),
        _ => None,
    };
    ReadError { message: format!("cannot read the pipeline file: {error}"), help }
}

/// Suggests the file of the same directory that was probably meant.
fn similar_file(path: &Path) -> Option<String> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = files::entries(directory).ok()?;
    let names = entries.iter().filter_map(|entry| entry.file_name()?.to_str()).filter(|name| name.ends_with(".toml"));
    let near = nearest(path.file_name()?.to_str()?, names)?;
    Some(format!("did you mean {}?", path.with_file_name(near).display()))
}

/// Whether a text is empty or only white space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim().is_empty()
}
