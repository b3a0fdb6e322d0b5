//! One image file to an image, within what files and memory may take.

use crate::base::{Error, files, human, panics};
use crate::dataset::memory_budget::{BUDGET, Loan};
use crate::imaging::{self, HEADER_BYTES, Image};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of a file: far above any image that is learned from, and no more than can be read by each thread.
const MOST_BYTES: u64 = 500_000_000;
/// A file of more bytes than this is not read before memory for its decoding is there.
const LARGE: u64 = 8 << 20;

/// Why an image was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The file is at fault, as a phrase. It counts as broken, wherever it is read.
    Broken(String),
    /// The machine is at fault: on another one the file would be read.
    Failed(Error),
}

impl From<String> for Unread {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// What is to be known of an image that was read.
#[derive(Default)]
pub(crate) struct ReadImage {
    /// What is wrong with it although it could be decoded.
    pub(crate) damage: Option<String>,
    /// Memory that was lent for it, to be kept as long as it is as large as in its file.
    _loan: Option<Loan<'static>>,
}

impl Unread {
    fn because(path: &Path, error: &io::Error) -> Self {
        if files::is_refused(error) {
            Self::Broken(format!("cannot read it: {error}"))
        } else {
            Self::Failed(Error::io("read", path, error))
        }
    }
}

/// Reads and decodes a file. A panic of a decoder is a fault of the file.
pub(super) fn read(path: &Path, image: &mut Image) -> Result<ReadImage, Unread> {
    let unreadable = |error: io::Error| Unread::because(path, &error);
    let file = files::open_regular(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MOST_BYTES {
        let (bytes, most) = (human::bytes(length), human::bytes(MOST_BYTES));
        return Err(format!("the file is too large ({bytes}; at most {most} are read)").into());
    }
    let (mut bytes, first) = (Vec::new(), if length > LARGE { HEADER_BYTES as u64 } else { length });
    read_part(&file, first, &mut bytes).map_err(unreadable)?;
    let needed = match imaging::memory_to_decode(&bytes) {
        Some(needed) => 2 * length + needed, // The data of a JPEG is copied to be examined.
        None if first == length => length,   // It will be refused.
        None => BUDGET.total(),              // The size is behind some long text.
    };
    let loan = BUDGET.take(needed);
    let loan = loan.map_err(|error| Unread::Failed(error.at(path.display().to_string())))?;
    read_part(&file, length - first, &mut bytes).map_err(unreadable)?;
    let decoded = panics::caught(|| imaging::decode_into(&bytes, image));
    let damage = decoded.unwrap_or_else(|panic| Err(format!("the decoder failed on it: {panic}")))?;
    Ok(ReadImage { damage, _loan: Some(loan) })
}

fn read_part(file: &File, length: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.reserve_exact(usize::try_from(length).unwrap_or(0));
    file.take(length).read_to_end(bytes).map(|_| ())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn what_the_machine_cannot_read_now_is_no_fault_of_the_file() {
        let because = |error: Errno| Unread::because(Path::new("cat/1.jpg"), &error.into());
        assert!(matches!(because(Errno::ACCESS), Unread::Broken(reason) if reason.starts_with("cannot read it")));
        for error in [Errno::MFILE, Errno::IO] {
            assert!(matches!(because(error), Unread::Failed(error) if error.place() == Some("cat/1.jpg")));
        }
    }
}
