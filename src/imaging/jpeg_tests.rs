//! JPEGs that lost data: what is noticed.

use super::*;
use crate::base::rng::{Rng, below, stream};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::ops::Range;

/// Made by Pillow: progressive, chroma halved, 96 by 80 pixels.
const PROGRESSIVE: &[u8] = include_bytes!("../../tests/golden/progressive.jpg");
/// Made by Pillow: progressive with restart markers.
const PROGRESSIVE_RESTARTS: &[u8] = include_bytes!("../../tests/golden/progressive_restarts.jpg");
const PLACES: usize = 100;

/// Something like a photograph: waves and noise.
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

/// Where the data of the scans lies, with all that stands between them.
fn data(file: &[u8]) -> Range<usize> {
    let mut at = 2;
    while file[at + 1] != 0xDA {
        at += 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
    }
    at + 14..file.len() - 2
}

fn outcome(file: &[u8]) -> Outcome {
    decode_whole(file, &mut Image::default())
}

/// How many of the files that `damage` makes are noticed.
fn noticed(file: &[u8], damage: impl Fn(&[u8], Range<usize>, &mut Rng) -> Vec<u8>) -> usize {
    assert_eq!(outcome(file), Outcome::Whole);
    let mut rng = stream(2, "damage", &[]);
    let is_noticed = |_: &usize| crate::imaging::decode(&damage(file, data(file), &mut rng)).is_err();
    (0..PLACES).filter(is_noticed).count()
}

/// A stretch of so many bytes anywhere in the data.
fn anywhere(data: Range<usize>, length: usize, rng: &mut Rng) -> Range<usize> {
    let start = data.start + below((data.len() - length) as u64, rng) as usize;
    start..start + length
}

fn without(file: &[u8], gone: Range<usize>) -> Vec<u8> {
    [&file[..gone.start], &file[gone.end..]].concat()
}

fn zeroed(file: &[u8], gone: Range<usize>) -> Vec<u8> {
    let mut file = file.to_vec();
    file[gone].fill(0);
    file
}

#[test]
fn data_that_is_cut_away_or_taken_out_is_noticed() {
    for (file, least) in [(&baseline()[..], 100), (PROGRESSIVE, 90), (PROGRESSIVE_RESTARTS, 90)] {
        let cut = noticed(file, |file, data, rng| {
            let kept = data.len() / 10 + below(data.len() as u64 * 8 / 10, rng) as usize;
            without(file, data.start + kept..data.end)
        });
        let third = noticed(file, |file, data, rng| without(file, anywhere(data.clone(), data.len() / 3, rng)));
        assert!(cut >= least && third >= least, "{} bytes: {cut} cut, {third} without a third", file.len());
    }
}

#[test]
fn zeros_in_the_place_of_data_are_noticed() {
    for (file, lengths, least) in [(&baseline()[..], [64, 4096], 100), (PROGRESSIVE, [64, 1024], 75)] {
        for length in lengths {
            let count = noticed(file, |file, data, rng| zeroed(file, anywhere(data, length, rng)));
            assert!(count >= least, "{} bytes: {count} with {length} zeros", file.len());
        }
    }
}

#[test]
fn what_follows_the_end_or_fills_up_is_no_damage() {
    let file = baseline();
    let end = file.len() - 2;
    for more in [&b"text"[..], &[0; 5000], &file] {
        assert_eq!(outcome(&[&file, more].concat()), Outcome::Whole);
    }
    for fill in [&[0xFF; 7][..], &[0; 100]] {
        assert_eq!(outcome(&[&file[..end], fill, &file[end..]].concat()), Outcome::Whole);
    }
    let more = [&file[..end], &file[data(&file)][..500], &file[end..]].concat();
    assert!(matches!(outcome(&more), Outcome::Damaged(what) if what.contains("more data")));
}

/// A gray JPEG of blocks beside each other with a restart marker after each: joined from JPEGs of one block.
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
fn restart_markers_that_are_missing_or_out_of_order_are_noticed() {
    let mut image = Image::default();
    assert_eq!(decode_whole(&restarts(&[0, 1, 2, 3, 4, 5, 6, 7, 0]), &mut image), Outcome::Whole);
    let firsts: Vec<u8> = (0..10).map(|block| image.rgb[block * 8 * 3]).collect();
    assert!(firsts.iter().zip(0_u8..).all(|(&value, block)| value.abs_diff(20 * block) <= 2), "{firsts:?}");
    for wrong in [&[0, 1, 2, 3, 4, 5, 6, 7][..], &[0, 1, 2, 3, 4, 6, 7, 0], &[0, 2, 1, 3, 4, 5, 6, 7, 0], &[]] {
        assert!(matches!(outcome(&restarts(wrong)), Outcome::Damaged(_)), "{wrong:?}");
    }
}
