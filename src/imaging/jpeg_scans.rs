//! The scans of a JPEG, laid out so that a decoder that goes on in silence where data is missing cannot.

use crate::imaging::jpeg_frame::{Frame, Scan};
use crate::imaging::jpeg_segments::START_OF_SCAN;
use crate::imaging::jpeg_zeros::{ZeroCodes, has_zeros};
use std::ops::Range;

const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];
const END_OF_IMAGE: u8 = 0xD9;
const RESTART_INTERVAL: u8 = 0xDD;
const HUFFMAN_TABLES: u8 = 0xC4;
/// Huffman codes of one bits alone are forbidden, so that no decoder gets past these. More than it reads ahead.
const ONES: [u8; 32] = {
    let mut ones = [0; 32];
    let mut at = 0;
    while at < ones.len() {
        ones[at] = 0xFF; // Each is followed by a zero, or it would begin a marker.
        at += 2;
    }
    ones
};

/// A copy of a JPEG with [`ONES`] behind all entropy-coded data.
#[derive(Debug, Default)]
pub(super) struct Guarded {
    pub(super) bytes: Vec<u8>,
    /// Where its entropy-coded data lies, without the ones.
    pub(super) data: Vec<Range<usize>>,
}

/// Why there is no copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is made in a way that is not known here, so that nothing can be said of it.
    Unknown,
    /// What it lacks.
    Damaged(&'static str),
}

impl Guarded {
    /// Copies a JPEG up to its end marker.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut guarded = Self { bytes: Vec::with_capacity(bytes.len() + 4 * ONES.len()), data: Vec::new() };
        let mut walk =
            Walk { bytes, at: START_OF_IMAGE.len(), frame: None, interval: 0, zeros: ZeroCodes::default(), scans: 0 };
        guarded.bytes.extend(START_OF_IMAGE);
        while walk.step(&mut guarded)? {}
        guarded.bytes.extend([0xFF, END_OF_IMAGE]);
        Ok(guarded)
    }

    fn add_data(&mut self, data: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.data.push(start..self.bytes.len());
        self.bytes.extend(ONES);
    }

    fn add_interval(&mut self, interval: u16) {
        let [high, low] = interval.to_be_bytes();
        self.bytes.extend([0xFF, RESTART_INTERVAL, 0, 4, high, low]);
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    interval: usize,
    zeros: ZeroCodes,
    scans: usize,
}

impl Walk<'_> {
    /// Copies a segment, with the data behind it where it begins a scan; false at the end of the image.
    fn step(&mut self, guarded: &mut Guarded) -> Result<bool, Refusal> {
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
            0xC0..=0xC2 => self.frame = Some(Frame::parse(marker == 0xC2, segment).ok_or(Refusal::Unknown)?),
            HUFFMAN_TABLES => self.zeros.read(segment),
            RESTART_INTERVAL if segment.len() == 2 => {
                self.interval = usize::from(u16::from_be_bytes([segment[0], segment[1]]));
            }
            START_OF_SCAN => return self.scan(guarded, whole, segment),
            _ => {}
        }
        self.at = whole.end;
        guarded.bytes.extend_from_slice(&self.bytes[whole]);
        Ok(true)
    }

    /// The next marker and where what belongs to it lies.
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

    /// Before the first scan there are more ways to make a JPEG than are known here; behind it there are not.
    fn unknown(&self) -> Refusal {
        if self.scans == 0 { Refusal::Unknown } else { Refusal::Damaged("its data is interrupted") }
    }

    /// Copies a scan; whether more may follow.
    fn scan(&mut self, guarded: &mut Guarded, header: Range<usize>, segment: &[u8]) -> Result<bool, Refusal> {
        let frame = self.frame.as_ref().ok_or(Refusal::Unknown)?;
        let scan = frame.scan(segment).ok_or_else(|| self.unknown())?;
        let (is_progressive, is_all) = (frame.is_progressive, frame.is_all_in(&scan));
        if !is_progressive && !is_all {
            return Err(Refusal::Unknown);
        }
        // The decoder expects to read the marker behind the first of many scans together with its data, unless a restart
        // is due there: then it looks for it.
        let needs_marker = is_progressive && self.scans == 0;
        let interval = if self.interval == 0 { u16::try_from(scan.units).ok() } else { None };
        if let (true, Some(interval)) = (needs_marker, interval) {
            guarded.add_interval(interval);
        }
        guarded.bytes.extend_from_slice(&self.bytes[header.clone()]);
        self.at = header.end;
        self.scans += 1;
        let too_many_zeros = if is_all { self.zeros.too_many(&scan.components) } else { None };
        let copied = self.copy_data(guarded, &scan, too_many_zeros)?;
        if needs_marker {
            match interval {
                Some(_) => guarded.add_interval(0),
                None => guarded.bytes.truncate(copied),
            }
        }
        Ok(is_progressive)
    }

    /// Copies the data of a scan with its restart markers; the end of the data in the copy.
    fn copy_data(&mut self, guarded: &mut Guarded, scan: &Scan, zeros: Option<usize>) -> Result<usize, Refusal> {
        let mut restarts = 0;
        loop {
            let length = data_length(&self.bytes[self.at..]);
            let end = self.at + length;
            let data = &self.bytes[self.at..end];
            guarded.add_data(data);
            if zeros.is_some_and(|count| has_zeros(data, count)) {
                return Err(Refusal::Damaged("zeros stand in the place of its data"));
            }
            if self.interval == 0 && scan.plain_bytes.is_some_and(|bytes| decoded_length(data) < bytes) {
                return Err(Refusal::Damaged("some of its data is missing"));
            }
            let rest = &self.bytes[end..];
            let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
            self.at = (end + fill).saturating_sub(1);
            match rest.get(fill) {
                Some(&marker @ 0xD0..=0xD7) if self.interval > 0 => {
                    if usize::from(marker - 0xD0) != restarts % 8 || restarts > scan.units {
                        return Err(Refusal::Damaged("its restart markers are out of order"));
                    }
                    guarded.bytes.extend([0xFF, marker]);
                    self.at += 2;
                    restarts += 1;
                }
                _ => break,
            }
        }
        if !scan.can_have(restarts, self.interval) {
            return Err(Refusal::Damaged("its restart markers are not as many as they should be"));
        }
        Ok(guarded.bytes.len() - ONES.len())
    }
}

fn may_follow_a_scan(marker: u8) -> bool {
    const TABLES: u8 = 0xDB;
    const COMMENT: u8 = 0xFE;
    matches!(marker, HUFFMAN_TABLES | START_OF_SCAN | TABLES | RESTART_INTERVAL | 0xE0..=0xEF | COMMENT)
}

/// Bytes before the next marker and the fill bytes before it.
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

/// Bytes without the zeros that follow each 0xFF.
fn decoded_length(data: &[u8]) -> usize {
    data.len() - data.iter().filter(|&&byte| byte == 0xFF).count()
}

fn find_ff(bytes: &[u8]) -> Option<usize> {
    const AT_ONCE: usize = 32;
    // A sum over a chunk is vectorized, a search is not.
    let chunks = bytes.chunks_exact(AT_ONCE);
    let whole = chunks.take_while(|chunk| chunk.iter().fold(0, |found, &byte| found | u8::from(byte == 0xFF)) == 0);
    let skipped = whole.count() * AT_ONCE;
    bytes[skipped..].iter().position(|&byte| byte == 0xFF).map(|found| skipped + found)
}
