//! The segments of a JPEG before its data, for those who ask for what their headers say.

use std::ops::Range;

/// Marker of the header of a scan, behind which its data lies.
pub(super) const START_OF_SCAN: u8 = 0xDA;

/// Markers up to that of the first scan, and where the content of each lies, which may be behind the end of these bytes.
/// It ends earlier where something else is found than a marker.
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
