//! A large file written from its beginning to its end, in the way that costs the kernel least.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes of a write. Each begins at a multiple of this, so that the page cache takes it in large pages; 1 MiB cost a
/// tenth less, but six times as much on a virtual machine that gives its largest free pages back to the host.
const BLOCK: usize = 256 << 10;
/// Bytes of disk asked for at once, ahead of the writes.
const STRETCH: u64 = 64 << 20;

/// A file that grows by blocks; room for them is asked for ahead where the system can do that.
pub(super) struct BlockFile {
    file: File,
    block: Vec<u8>,
    written: u64,
    reserved: u64,
}

impl BlockFile {
    /// Begins an empty file.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, block: Vec::with_capacity(BLOCK), written: 0, reserved: 0 })
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.write_block()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and gives back the room that was not needed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write_block()?;
        self.file.set_len(self.written)
    }

    fn write_block(&mut self) -> io::Result<()> {
        let end = self.written + self.block.len() as u64;
        if end > self.reserved {
            reserve(&self.file, self.reserved);
            self.reserved += STRETCH;
        }
        self.file.write_all(&self.block)?;
        self.block.clear();
        self.written = end;
        Ok(())
    }
}

/// Asks for the disk of a stretch. Where that is refused or not known the writes do it, and they say if the disk is full.
#[cfg(target_os = "linux")]
fn reserve(file: &File, from: u64) {
    let _ = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), from, STRETCH);
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_appended_bytes_whatever_their_lengths() {
        let directory = tempfile::tempdir().unwrap();
        for lengths in [vec![], vec![1], vec![BLOCK], vec![BLOCK - 1, 2], vec![7, 3 * BLOCK + 5, 0, BLOCK - 12, 9]] {
            let path = directory.path().join("file");
            let mut file = BlockFile::create(&path).unwrap();
            let all: Vec<u8> = (0..lengths.iter().sum::<usize>()).map(|i| (i % 251) as u8).collect();
            let mut rest = &all[..];
            for length in lengths {
                let (now, later) = rest.split_at(length);
                file.append(now).unwrap();
                rest = later;
            }
            file.finish().unwrap();
            assert!(std::fs::read(&path).unwrap() == all, "{} bytes", all.len());
        }
    }
}
