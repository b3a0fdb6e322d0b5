//! Seeded mutations of bytes, like those of a fuzzer.

use simclr::base::rng::{Rng, below};

/// Bytes with a special meaning in file formats and parsers.
const EDGES: &[u8] = &[0, 1, 9, 10, 34, 39, 61, 91, 93, 123, 125, 127, 128, 192, 196, 216, 217, 218, 224, 254, 255];
/// Maximum length of an input in bytes, so that no time is wasted on length alone.
const MAX_LENGTH: usize = 1 << 16;

fn position(length: usize, rng: &mut Rng) -> usize {
    below(length as u64 + 1, rng) as usize
}

/// Applies 1, 2, 4 or 8 random mutations.
pub(crate) fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    for _ in 0..1 << below(4, rng) {
        mutate_once(bytes, corpus, rng);
        bytes.truncate(MAX_LENGTH);
    }
    if bytes.starts_with(b"\x89PNG") && below(4, rng) > 0 {
        fix_checksums(bytes);
    }
}

fn mutate_once(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = position(bytes.len(), rng);
    let end = (at + position(32, rng)).min(bytes.len());
    match below(7, rng) {
        0 if at < bytes.len() => bytes[at] ^= 1 << below(8, rng),
        1 if at < bytes.len() => bytes[at] = EDGES[below(EDGES.len() as u64, rng) as usize],
        2 if at < bytes.len() => bytes[at] = below(256, rng) as u8,
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copied = bytes[at..end].to_vec();
            bytes.splice(at..at, copied);
        }
        5 => bytes.truncate(at.max(8)),
        _ => {
            let other = &corpus[below(corpus.len() as u64, rng) as usize];
            let from = position(other.len(), rng);
            let to = (from + position(64, rng)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

/// Corrects the checksums of PNG chunks, so that the decoder reads their content.
fn fix_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let Some(chunk) = bytes.get(at + 4..at + 8 + length) else { return };
        let checksum = crc32(chunk).to_be_bytes();
        let Some(stored) = bytes.get_mut(at + 8 + length..at + 12 + length) else { return };
        stored.copy_from_slice(&checksum);
        at += 12 + length;
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
