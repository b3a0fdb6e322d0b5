//! The header segments of a JPEG, up to its first scan.

use std::ops::Range;

/// Marker of a scan header, which its data follows.
pub(super) const START_OF_SCAN: u8 = 0xDA;

/// Iterates over the markers up to that of the first scan, with the range of each segment's content, which may extend
/// beyond the end of `bytes`. Stops early at anything that is not a marker.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, Range<usize>)> {
    let mut at = 2;
    let mut is_done = false;
    std::iter::from_fn(move || {
        while !is_done {
            let Some(&[0xFF, marker, high, low]) = bytes.get(at..at + 4) else { return None };
            if marker == 0xFF {
                at += 1; // Fill bytes may precede a marker.
                continue;
            }
            is_done = marker == START_OF_SCAN;
            let content = at + 4..at + 2 + usize::from(u16::from_be_bytes([high, low]));
            at = content.end;
            return Some((marker, content));
        }
        None
    })
}
