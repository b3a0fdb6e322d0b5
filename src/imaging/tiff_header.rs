//! The header of a TIFF: its first directory of tags.

use crate::imaging::header::{Header, RGB8_BYTES, big_endian, little_endian};

const WIDTH: u32 = 256;
const HEIGHT: u32 = 257;
const BITS_PER_SAMPLE: u32 = 258;
const SAMPLES_PER_PIXEL: u32 = 277;
/// Type of a value of two bytes.
const SHORT: u32 = 3;
/// Bytes of a tag.
const TAG: usize = 12;

/// Returns the header of the first image of a TIFF.
pub(super) fn tiff(start: &[u8]) -> Option<Header> {
    let is_little = start.starts_with(b"II*\0");
    if !is_little && !start.starts_with(b"MM\0*") {
        return None;
    }
    let number = |at: usize, length: usize| {
        let bytes = start.get(at..at.checked_add(length)?)?;
        if is_little { Some(little_endian(bytes)) } else { big_endian(bytes) }
    };
    let directory = number(4, 4)? as usize;
    let (mut width, mut height, mut samples, mut bits) = (None, None, 1, 1);
    for index in 0..number(directory, 2)? as usize {
        let at = directory + 2 + TAG * index;
        let (kind, count) = (number(at + 2, 2)?, number(at + 4, 4)?);
        let value = || if kind == SHORT { number(at + 8, 2) } else { number(at + 8, 4) };
        match number(at, 2)? {
            WIDTH => width = value(),
            HEIGHT => height = value(),
            SAMPLES_PER_PIXEL => samples = value()?,
            // More than two values are at an offset.
            BITS_PER_SAMPLE if count > 2 => bits = number(number(at + 8, 4)? as usize, 2)?,
            BITS_PER_SAMPLE => bits = value()?,
            _ => {}
        }
    }
    let stored = u64::from(samples.min(64)) * u64::from(bits.min(64)).div_ceil(8);
    // The decoder copies its pixels once.
    Some(Header::new(width?, height?, stored, 2 * stored + 4 + RGB8_BYTES))
}
