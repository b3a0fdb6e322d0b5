//! Detection of JPEGs that lost data.

use super::*;
use crate::base::rng::{Rng, below, stream};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::ops::Range;

/// Made by Pillow: progressive, chroma subsampled 2x, 96 x 80 pixels.
const PROGRESSIVE: &[u8] = include_bytes!("../../tests/golden/progressive.jpg");
/// Made by Pillow: progressive with restart markers.
const PROGRESSIVE_RESTARTS: &[u8] = include_bytes!("../../tests/golden/progressive_restarts.jpg");
const TRIALS: usize = 100;

/// Returns a baseline JPEG of something like a photograph: waves and noise.
fn baseline() -> Vec<u8> {
    let (width, height) = (320, 240);
    let mut rng = stream(1, "photograph", &[]);
    let value = |i: usize| {
        let (x, y, channel) = ((i / 3 % width) as f64, (i / 3 / width) as f64, (i % 3) as f64);
        let waves = (x / (17.0 + channel)).sin() * 60.0 + (y / 23.0 + x / 90.0).cos() * 50.0;
        (128.0 + waves + below(12, &mut rng) as f64) as u8
    };
    let values: Vec<u8> = (0..3 * width * height).map(value).collect();
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 85);
    encoder.write_image(&values, width as u32, height as u32, ExtendedColorType::Rgb8).unwrap();
    file
}

/// Returns the range of the data of all scans, including everything between them.
fn data(file: &[u8]) -> Range<usize> {
    let mut at = 2;
    while file[at + 1] != 0xDA {
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    }
    at + 14..file.len() - 2
}

fn integrity(file: &[u8]) -> Integrity {
    decode_checked(file, &mut Image::default())
}

/// Counts how many of [`TRIALS`] damaged files are detected.
fn detected(file: &[u8], damage: impl Fn(&[u8], Range<usize>, &mut Rng) -> Vec<u8>) -> usize {
    assert_eq!(integrity(file), Integrity::Intact);
    let mut rng = stream(2, "damage", &[]);
    let is_detected = |_: &usize| crate::imaging::decode(&damage(file, data(file), &mut rng)).is_err();
    (0..TRIALS).filter(is_detected).count()
}

/// Returns a random range of this length in the data.
fn random_range(data: Range<usize>, length: usize, rng: &mut Rng) -> Range<usize> {
    let start = data.start + below((data.len() - length) as u64, rng) as usize;
    start..start + length
}

fn without(file: &[u8], removed: Range<usize>) -> Vec<u8> {
    [&file[..removed.start], &file[removed.end..]].concat()
}

fn zeroed(file: &[u8], removed: Range<usize>) -> Vec<u8> {
    let mut file = file.to_vec();
    file[removed].fill(0);
    file
}

#[test]
fn truncated_and_removed_data_is_detected() {
    for (file, min_count) in [(&baseline()[..], 100), (PROGRESSIVE, 90), (PROGRESSIVE_RESTARTS, 90)] {
        let cut = detected(file, |file, data, rng| {
            let kept = data.len() / 10 + below(data.len() as u64 * 8 / 10, rng) as usize;
            without(file, data.start + kept..data.end)
        });
        let third = detected(file, |file, data, rng| without(file, random_range(data.clone(), data.len() / 3, rng)));
        assert!(cut >= min_count && third >= min_count, "{} bytes: {cut} cut, {third} without a third", file.len());
    }
}

#[test]
fn zeroed_data_is_detected() {
    for (file, lengths, min_count) in [(&baseline()[..], [64, 4096], 100), (PROGRESSIVE, [64, 1024], 75)] {
        for length in lengths {
            let count = detected(file, |file, data, rng| zeroed(file, random_range(data, length, rng)));
            assert!(count >= min_count, "{} bytes: {count} with {length} zeros", file.len());
        }
    }
}

#[test]
fn trailing_bytes_and_padding_are_not_damage() {
    let file = baseline();
    let end = file.len() - 2;
    for more in [&b"text"[..], &[0; 5000], &file] {
        assert_eq!(integrity(&[&file, more].concat()), Integrity::Intact);
    }
    for fill in [&[0xFF; 7][..], &[0; 100]] {
        assert_eq!(integrity(&[&file[..end], fill, &file[end..]].concat()), Integrity::Intact);
    }
    let more = [&file[..end], &file[data(&file)][..500], &file[end..]].concat();
    assert!(matches!(integrity(&more), Integrity::Damaged(what) if what.contains("more data")));
}

/// Returns a grayscale JPEG of one row of blocks with a restart marker after each, joined from JPEGs of one block.
fn restarts(markers: &[u8]) -> Vec<u8> {
    let block = |value: u8| {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, 80).write_image(&[value; 64], 8, 8, ExtendedColorType::L8).unwrap();
        file
    };
    let mut file = block(0);
    let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    file[frame + 8] = 8 * 10; // Ten blocks wide.
    let scan = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    file.splice(scan..scan, [0xFF, 0xDD, 0, 4, 0, 1]);
    file.truncate(scan + 6 + 10);
    for number in 0..=markers.len() {
        let block = block(20 * number as u8);
        file.extend(&block[scan + 10..block.len() - 2]);
        file.extend(markers.get(number).map(|marker| [0xFF, 0xD0 + marker]).into_iter().flatten());
    }
    file.extend([0xFF, 0xD9]);
    file
}

#[test]
fn missing_and_misordered_restart_markers_are_detected() {
    let mut image = Image::default();
    assert_eq!(decode_checked(&restarts(&[0, 1, 2, 3, 4, 5, 6, 7, 0]), &mut image), Integrity::Intact);
    let firsts: Vec<u8> = (0..10).map(|block| image.rgb[block * 8 * 3]).collect();
    assert!(firsts.iter().zip(0_u8..).all(|(&value, block)| value.abs_diff(20 * block) <= 2), "{firsts:?}");
    for wrong in [&[0, 1, 2, 3, 4, 5, 6, 7][..], &[0, 1, 2, 3, 4, 6, 7, 0], &[0, 2, 1, 3, 4, 5, 6, 7, 0], &[]] {
        assert!(matches!(integrity(&restarts(wrong)), Integrity::Damaged(_)), "{wrong:?}");
    }
}
