//! A reader that detects scan data of a JPEG that the decoder does not use.

use std::cell::Cell;
use std::ops::Range;
use zune_jpeg::zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};

/// Number of bytes that the decoder reads ahead of the bits it uses.
pub(super) const READ_AHEAD: usize = 8;

/// A reader that records whether the decoder searches for a marker while data is left before it.
///
/// zune-jpeg reads entropy-coded data four bytes at a time or by `read_byte_no_error`, and then searches for the next
/// marker byte by byte with `read_exact_bytes`, silently skipping everything in between.
pub(super) struct MonitoredReader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Ranges of entropy-coded data that have not been passed yet.
    data: &'a [Range<usize>],
    is_left_over: &'a Cell<bool>,
}

impl<'a> MonitoredReader<'a> {
    /// Creates a reader; `data` are the ranges of entropy-coded data in `bytes`, in order.
    pub(super) fn new(bytes: &'a [u8], data: &'a [Range<usize>], is_left_over: &'a Cell<bool>) -> Self {
        Self { bytes, position: 0, data, is_left_over }
    }

    /// Checks for leftover data where the decoder starts to search for a marker.
    fn check_leftover(&mut self) {
        while let Some((first, rest)) = self.data.split_first()
            && first.end <= self.position
        {
            self.data = rest;
        }
        if let Some((data, rest)) = self.data.split_first()
            && data.start <= self.position
        {
            self.data = rest; // The search continues byte by byte.
            let is_left_over = !self.is_padding(data);
            self.is_left_over.set(self.is_left_over.get() || is_left_over);
        }
    }

    /// Returns whether only zeros are left, starting about where the decoder is: encoders may pad with them. Zeros that
    /// started long before have replaced data.
    fn is_padding(&self, data: &Range<usize>) -> bool {
        let is_data = |&byte: &u8| byte != 0;
        let zeros = self.bytes[data.clone()].iter().rposition(is_data).map_or(data.start, |last| {
            let last = data.start + last;
            last + 1 + usize::from(self.bytes[last] == 0xFF) // Its stuffed zero.
        });
        (zeros..=zeros + READ_AHEAD).contains(&self.position)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }
}

impl ZByteReaderTrait for MonitoredReader<'_> {
    #[inline(always)]
    fn read_byte_no_error(&mut self) -> u8 {
        let byte = self.bytes.get(self.position).copied().unwrap_or_default();
        self.position += 1;
        byte
    }

    #[inline(always)]
    fn read_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        if buffer.len() == 1 {
            self.check_leftover();
        }
        self.peek_exact_bytes(buffer)?;
        self.position += buffer.len();
        Ok(())
    }

    fn read_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        let length = self.peek_bytes(buffer)?;
        self.position += length;
        Ok(length)
    }

    fn peek_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    #[inline(always)]
    fn peek_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        let rest = self.rest();
        let bytes = rest.get(..buffer.len()).ok_or(ZByteIoError::NotEnoughBytes(rest.len(), buffer.len()))?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    #[inline(always)]
    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let (base, offset) = match from {
            ZSeekFrom::Start(offset) => (0, offset as i64),
            ZSeekFrom::End(offset) => (self.bytes.len(), offset),
            ZSeekFrom::Current(offset) => (self.position, offset),
        };
        self.position = base.checked_add_signed(offset as isize).ok_or(ZByteIoError::SeekError("out of range"))?;
        Ok(self.position as u64)
    }

    #[inline(always)]
    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.position >= self.bytes.len())
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(self.position as u64)
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        sink.extend_from_slice(rest);
        self.position += rest.len();
        Ok(rest.len())
    }
}
