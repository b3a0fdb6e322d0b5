//! The members of a tar file, from one pass over the headers.

use crate::base::text::visible;
use crate::base::{Error, Result, files, panics};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use tar::{Archive, Entry};

/// Length of a block: headers and members begin at a multiple of it.
const BLOCK: u64 = 512;
/// First bytes of a gzip stream.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file inside a tar file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Byte of the tar file at which the content begins.
    pub(super) offset: u64,
    /// Length of the content in bytes.
    pub(super) length: u64,
}

/// Calls `visit` with each file of a tar file, in their order, and a reader of its content.
///
/// # Errors
/// The file cannot be read, is compressed, damaged or truncated, or has a member that is not a plain file; or an error of
/// `visit`, which is one of the machine.
pub(super) fn members(path: &Path, mut visit: impl FnMut(Member, &mut dyn Read) -> io::Result<()>) -> Result<()> {
    let io = |error: io::Error| Error::io("read", path, &error);
    let mut file = files::open_regular(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut start = [0; GZIP.len()];
    if length > 1 {
        file.read_exact(&mut start).and_then(|()| file.rewind()).map_err(io)?;
    }
    if start == GZIP {
        return Err(Error::stage("the tar file is compressed with gzip, so that its images cannot be read one by one")
            .at(path.display().to_string())
            .help("decompress it with `gunzip`: JPEG, PNG and WebP images are compressed already"));
    }
    let mut last = None;
    let pass = panics::catch(|| pass(file, length, &mut last, &mut visit));
    pass.unwrap_or_else(|panic| Err(format!("cannot read the next header: {panic}"))).map_err(|problem| {
        let place = last.map_or(String::new(), |name| format!(": {}", visible(&name)));
        Error::stage(problem)
            .at(format!("{}{place}", path.display()))
            .help("the file is damaged, truncated or not a tar file: download or write it again")
    })
}

/// Visits the members. `last` is the name of the member that is read, or after which an error occurred.
fn pass(
    file: File,
    length: u64,
    last: &mut Option<String>,
    visit: &mut impl FnMut(Member, &mut dyn Read) -> io::Result<()>,
) -> Result<(), String> {
    let mut archive = Archive::new(file);
    let unreadable = |error: io::Error| format!("cannot read the next header: {error}");
    let mut end = 0;
    for entry in archive.entries_with_seek().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        *last = Some(String::from_utf8_lossy(&entry.path_bytes()).into_owned());
        let is_file = is_file(&mut entry)?;
        let (offset, size) = (entry.raw_file_position(), entry.size());
        end = offset.checked_add(size).filter(|&end| end <= length).ok_or_else(|| {
            format!("the member has {size} bytes from byte {offset}, but the tar file has only {length} bytes")
        })?;
        if is_file {
            let member = Member { name: name(&entry)?, offset, length: size };
            visit(member, &mut entry).map_err(|error| format!("cannot read the member: {error}"))?;
        }
    }
    // Headers are skipped by seeking, which goes beyond the end of a truncated file without an error.
    if length < end.next_multiple_of(BLOCK).saturating_add(BLOCK) {
        return Err("the tar file ends without its end mark, so it may be truncated".to_owned());
    }
    Ok(())
}

/// Returns whether an entry is a file with a content of its own; directories and headers of the whole archive are not.
///
/// # Errors
/// It is a link, a device or a sparse file.
fn is_file(entry: &mut Entry<'_, impl Read>) -> Result<bool, String> {
    let kind = entry.header().entry_type();
    if kind.is_dir() || kind.is_pax_global_extensions() {
        return Ok(false);
    }
    if kind.is_gnu_sparse() || has_sparse_extension(entry)? {
        return Err("the member is a sparse file, which is not supported".to_owned());
    }
    if !kind.is_file() && !kind.is_contiguous() {
        return Err("the member is a link or a device instead of a file".to_owned());
    }
    Ok(true)
}

fn has_sparse_extension(entry: &mut Entry<'_, impl Read>) -> Result<bool, String> {
    let damaged = |error: io::Error| format!("the header of the member is damaged: {error}");
    let Some(extensions) = entry.pax_extensions().map_err(damaged)? else { return Ok(false) };
    for extension in extensions {
        if extension.map_err(damaged)?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the path of a member, without `./` before it.
///
/// # Errors
/// It is not UTF-8, has `..`, or begins at the root.
fn name(entry: &Entry<'_, impl Read>) -> Result<String, String> {
    let bytes = entry.path_bytes();
    let name = str::from_utf8(&bytes).map_err(|_| "the name of the member is not UTF-8".to_owned())?;
    if name.starts_with('/') || name.split('/').any(|part| part == "..") {
        return Err("the path of the member leads out of the tar file".to_owned());
    }
    Ok(name.trim_start_matches("./").to_owned())
}
