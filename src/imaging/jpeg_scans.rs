//! A copy of a JPEG in which every scan is padded so that the decoder fails where data is missing, instead of silently
//! continuing.

use crate::imaging::jpeg_frame::{Frame, Scan};
use crate::imaging::jpeg_segments::START_OF_SCAN;
use crate::imaging::jpeg_zeros::{ZeroCodes, has_zeros};
use std::ops::Range;

const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];
const END_OF_IMAGE: u8 = 0xD9;
const RESTART_INTERVAL: u8 = 0xDD;
const HUFFMAN_TABLES: u8 = 0xC4;
/// Padding of one bits: a Huffman code of only ones is invalid, so no decoder gets past it. Longer than its read-ahead.
const GUARD: [u8; 32] = {
    let mut ones = [0; 32];
    let mut at = 0;
    while at < ones.len() {
        ones[at] = 0xFF; // Followed by a stuffed zero, or it would begin a marker.
        at += 2;
    }
    ones
};

/// A copy of a JPEG with [`GUARD`] after all entropy-coded data.
#[derive(Debug, Default)]
pub(super) struct PaddedJpeg {
    pub(super) bytes: Vec<u8>,
    /// Ranges of its entropy-coded data, without the guards.
    pub(super) data: Vec<Range<usize>>,
}

/// Why a JPEG cannot be copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    /// Its structure is not supported, so that it cannot be checked.
    Unknown,
    /// It is damaged, with the reason.
    Damaged(&'static str),
}

impl PaddedJpeg {
    /// Copies a JPEG up to its end marker.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, ScanError> {
        let mut padded = Self { bytes: Vec::with_capacity(bytes.len() + 4 * GUARD.len()), data: Vec::new() };
        let mut copier = ScanCopier {
            bytes,
            at: START_OF_IMAGE.len(),
            frame: None,
            interval: 0,
            zeros: ZeroCodes::default(),
            scans: 0,
        };
        padded.bytes.extend(START_OF_IMAGE);
        while copier.step(&mut padded)? {}
        padded.bytes.extend([0xFF, END_OF_IMAGE]);
        Ok(padded)
    }

    fn add_data(&mut self, data: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.data.push(start..self.bytes.len());
        self.bytes.extend(GUARD);
    }

    fn add_interval(&mut self, interval: u16) {
        let [high, low] = interval.to_be_bytes();
        self.bytes.extend([0xFF, RESTART_INTERVAL, 0, 4, high, low]);
    }
}

struct ScanCopier<'a> {
    bytes: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    interval: usize,
    zeros: ZeroCodes,
    scans: usize,
}

impl ScanCopier<'_> {
    /// Copies a segment, and the scan data if it is a scan header; returns false at the end of the image.
    fn step(&mut self, padded: &mut PaddedJpeg) -> Result<bool, ScanError> {
        let (marker, within) = self.next_segment().ok_or_else(|| self.unknown())?;
        if marker == END_OF_IMAGE {
            return Ok(false);
        }
        if self.scans > 0 && !may_follow_a_scan(marker) {
            return Err(self.unknown());
        }
        let whole = self.at..within.end;
        let segment = self.bytes.get(within).ok_or_else(|| self.unknown())?;
        match marker {
            0xC0..=0xC2 => self.frame = Some(Frame::parse(marker == 0xC2, segment).ok_or(ScanError::Unknown)?),
            HUFFMAN_TABLES => self.zeros.read(segment),
            RESTART_INTERVAL if segment.len() == 2 => {
                self.interval = usize::from(u16::from_be_bytes([segment[0], segment[1]]));
            }
            START_OF_SCAN => return self.scan(padded, whole, segment),
            _ => {}
        }
        self.at = whole.end;
        padded.bytes.extend_from_slice(&self.bytes[whole]);
        Ok(true)
    }

    /// Returns the next marker and the range of its segment's content.
    fn next_segment(&self) -> Option<(u8, Range<usize>)> {
        let rest = self.bytes.get(self.at..)?;
        let start = self.at + rest.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF))?;
        let marker = self.bytes[start + 1];
        if marker == END_OF_IMAGE {
            return Some((marker, start..start));
        }
        let length = self.bytes.get(start + 2..start + 4)?;
        Some((marker, start + 4..start + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]))))
    }

    /// Returns the error for an unexpected structure: before the first scan it may be a valid JPEG that is not
    /// supported, after it the JPEG is damaged.
    fn unknown(&self) -> ScanError {
        if self.scans == 0 { ScanError::Unknown } else { ScanError::Damaged("its data is interrupted") }
    }

    /// Copies a scan; returns whether more may follow.
    fn scan(&mut self, padded: &mut PaddedJpeg, header: Range<usize>, segment: &[u8]) -> Result<bool, ScanError> {
        let frame = self.frame.as_ref().ok_or(ScanError::Unknown)?;
        let scan = frame.scan(segment).ok_or_else(|| self.unknown())?;
        let (is_progressive, is_complete) = (frame.is_progressive, frame.is_complete(&scan));
        if !is_progressive && !is_complete {
            return Err(ScanError::Unknown);
        }
        // The decoder expects the marker after the first of several scans immediately after its data, unless a restart
        // is due there: then it searches for the marker.
        let needs_marker = is_progressive && self.scans == 0;
        let interval = if self.interval == 0 { u16::try_from(scan.units).ok() } else { None };
        if let (true, Some(interval)) = (needs_marker, interval) {
            padded.add_interval(interval);
        }
        padded.bytes.extend_from_slice(&self.bytes[header.clone()]);
        self.at = header.end;
        self.scans += 1;
        let zero_limit = if is_complete { self.zeros.impossible_run(&scan.components) } else { None };
        let copied = self.copy_data(padded, &scan, zero_limit)?;
        if needs_marker {
            match interval {
                Some(_) => padded.add_interval(0),
                None => padded.bytes.truncate(copied),
            }
        }
        Ok(is_progressive)
    }

    /// Copies the data of a scan with its restart markers; returns the end of the data in the copy.
    fn copy_data(&mut self, padded: &mut PaddedJpeg, scan: &Scan, zeros: Option<usize>) -> Result<usize, ScanError> {
        let mut restarts = 0;
        loop {
            let length = data_length(&self.bytes[self.at..]);
            let end = self.at + length;
            let data = &self.bytes[self.at..end];
            padded.add_data(data);
            if zeros.is_some_and(|count| has_zeros(data, count)) {
                return Err(ScanError::Damaged("some of its data was replaced by zeros"));
            }
            if self.interval == 0 && scan.plain_bytes.is_some_and(|bytes| decoded_length(data) < bytes) {
                return Err(ScanError::Damaged("some of its data is missing"));
            }
            let rest = &self.bytes[end..];
            let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
            self.at = (end + fill).saturating_sub(1);
            match rest.get(fill) {
                Some(&marker @ 0xD0..=0xD7) if self.interval > 0 => {
                    if usize::from(marker - 0xD0) != restarts % 8 || restarts > scan.units {
                        return Err(ScanError::Damaged("its restart markers are out of order"));
                    }
                    padded.bytes.extend([0xFF, marker]);
                    self.at += 2;
                    restarts += 1;
                }
                _ => break,
            }
        }
        if !scan.allows_restarts(restarts, self.interval) {
            return Err(ScanError::Damaged("it has the wrong number of restart markers"));
        }
        Ok(padded.bytes.len() - GUARD.len())
    }
}

fn may_follow_a_scan(marker: u8) -> bool {
    const TABLES: u8 = 0xDB;
    const COMMENT: u8 = 0xFE;
    matches!(marker, HUFFMAN_TABLES | START_OF_SCAN | TABLES | RESTART_INTERVAL | 0xE0..=0xEF | COMMENT)
}

/// Returns the number of bytes before the next marker and its fill bytes.
fn data_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = find_ff(&bytes[at..]) {
        at += found;
        match bytes.get(at + 1) {
            Some(0) => at += 2,
            _ => return at,
        }
    }
    bytes.len()
}

/// Returns the number of bytes without the zeros stuffed after each 0xFF.
fn decoded_length(data: &[u8]) -> usize {
    data.len() - data.iter().filter(|&&byte| byte == 0xFF).count()
}

fn find_ff(bytes: &[u8]) -> Option<usize> {
    const CHUNK: usize = 32;
    // A fold over a chunk is vectorized, a search is not.
    let chunks = bytes.chunks_exact(CHUNK);
    let whole = chunks.take_while(|chunk| chunk.iter().fold(0, |found, &byte| found | u8::from(byte == 0xFF)) == 0);
    let skipped = whole.count() * CHUNK;
    bytes[skipped..].iter().position(|&byte| byte == 0xFF).map(|found| skipped + found)
}
