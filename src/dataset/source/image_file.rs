//! Reading and decoding of an image file, within limits on file size and memory.

use crate::base::{Error, files, human, panics};
use crate::dataset::memory_budget::{BUDGET, Reservation};
use crate::dataset::store::FilePlace;
use crate::imaging::{self, Decoded, DeepImage, HEADER_BYTES, Image};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Maximum bytes of a file: far above any training image, and small enough that every thread can read one.
const MAX_BYTES: u64 = 500_000_000;
/// Above this many bytes, only the header of a file is read before memory for its decoding is reserved.
const LARGE_FILE: u64 = 8 << 20;

/// Why an image could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file is at fault, as a phrase. It is broken on any machine.
    Broken(String),
    /// The machine is at fault: the file could be read on another one.
    Failed(Error),
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<String> for ReadError {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// The report on an image that was read.
#[derive(Default)]
pub(crate) struct ReadReport {
    /// Damage of an image that could be decoded anyway.
    pub(crate) damage: Option<String>,
    /// The pixels of a 16-bit image, which are not in the image yet.
    pub(crate) deep: Option<DeepImage>,
    /// Memory reserved for the image, to be held until it has been resized.
    _reservation: Option<Reservation<'static>>,
}

impl ReadError {
    fn because(path: &Path, error: &io::Error) -> Self {
        if files::is_permanent(error) {
            Self::Broken(format!("cannot read it: {error}"))
        } else {
            Self::Failed(Error::io("read", path, error))
        }
    }
}

/// Reads and decodes a file. A panic of a decoder counts as a fault of the file.
pub(super) fn read(path: &Path, image: &mut Image) -> Result<ReadReport, ReadError> {
    let unreadable = |error: io::Error| ReadError::because(path, &error);
    if path.is_dir() {
        files::entries(path).map_err(unreadable)?;
    }
    let file = files::open_regular(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    decode(&file, length, path, image)
}

/// Reads and decodes an image inside a file: `length` bytes from `offset`. Otherwise like [`read`].
pub(in crate::dataset) fn read_range(
    path: &Path,
    offset: u64,
    length: u64,
    image: &mut Image,
) -> Result<ReadReport, ReadError> {
    let unreadable = |error: io::Error| ReadError::because(path, &error);
    let mut file = files::open_regular(path).map_err(unreadable)?;
    file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
    decode(&file, length, path, image)
}

/// Reads an encoded image, reusing the memory of `bytes`.
pub(super) fn read_encoded(place: &FilePlace<'_>, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
    let FilePlace { path, offset, length } = place;
    let mut read = || {
        let mut file = files::open_regular(path)?;
        file.seek(SeekFrom::Start(*offset))?;
        bytes.clear();
        match length {
            Some(length) => read_part(&mut file, *length, bytes),
            None => file.read_to_end(bytes).map(|_| ()),
        }
    };
    read().map_err(|error| ReadError::because(path, &error))
}

/// Decodes an image file that is in memory.
pub(in crate::dataset) fn decode_bytes(bytes: &[u8], image: &mut Image) -> Result<ReadReport, ReadError> {
    decode(bytes, bytes.len() as u64, Path::new(""), image)
}

/// Decodes `length` bytes of what was opened at `path`.
pub(super) fn decode(
    mut from: impl Read,
    length: u64,
    path: &Path,
    image: &mut Image,
) -> Result<ReadReport, ReadError> {
    let unreadable = |error: io::Error| ReadError::because(path, &error);
    if length > MAX_BYTES {
        let (bytes, max) = (human::bytes(length), human::bytes(MAX_BYTES));
        return Err(format!("the file is too large ({bytes}; the maximum is {max})").into());
    }
    let (mut bytes, first) = (Vec::new(), if length > LARGE_FILE { HEADER_BYTES as u64 } else { length });
    read_part(&mut from, first, &mut bytes).map_err(unreadable)?;
    let needed = match imaging::memory_to_decode(&bytes) {
        Some(needed) => 2 * length + needed, // The integrity check copies the data of a JPEG.
        None if first == length => length,   // Not an image: decoding will fail.
        None => BUDGET.total(),              // The header is longer than `HEADER_BYTES`.
    };
    let reservation = BUDGET.reserve(needed);
    let reservation = reservation.map_err(|error| ReadError::Failed(error.at(path.display().to_string())))?;
    read_part(&mut from, length - first, &mut bytes).map_err(unreadable)?;
    let decoded = panics::catch(|| imaging::decode_depth(&bytes, image));
    let Decoded { damage, deep } = decoded.unwrap_or_else(|panic| Err(format!("the decoder failed on it: {panic}")))?;
    Ok(ReadReport { damage, deep, _reservation: Some(reservation) })
}

fn read_part(from: &mut impl Read, length: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.reserve_exact(usize::try_from(length).unwrap_or(0));
    from.take(length).read_to_end(bytes).map(|_| ())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn failures_of_the_machine_are_not_the_fault_of_the_file() {
        let because = |error: Errno| ReadError::because(Path::new("cat/1.jpg"), &error.into());
        assert!(matches!(because(Errno::ACCESS), ReadError::Broken(reason) if reason.starts_with("cannot read it")));
        for error in [Errno::MFILE, Errno::IO] {
            assert!(matches!(because(error), ReadError::Failed(error) if error.place() == Some("cat/1.jpg")));
        }
    }
}
