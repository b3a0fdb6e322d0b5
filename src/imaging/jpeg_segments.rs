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

/// Returns why a JPEG of a rare kind cannot be decoded, as a phrase.
pub(super) fn unsupported(bytes: &[u8]) -> Option<String> {
    let is_frame = |marker: u8| matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
    let (marker, content) = segments(bytes).find(|(marker, _)| is_frame(*marker))?;
    let bits = *bytes.get(content.start)?;
    let kind = match marker {
        0xC1 | 0xC2 if bits == 12 => "12-bit".to_owned(),
        0xC0..=0xC2 => return None,
        0xC3 | 0xC7 | 0xCB | 0xCF => "lossless".to_owned(),
        0xC9.. => "arithmetic-coded".to_owned(),
        _ => "hierarchical".to_owned(),
    };
    Some(format!("{kind} JPEGs are not supported; convert it to PNG or a baseline JPEG"))
}
