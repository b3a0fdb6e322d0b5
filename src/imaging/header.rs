//! Estimates of the memory that decoding takes, from the header of an image file, without decoding anything.

use crate::imaging::decode::MAX_SIDE;
use crate::imaging::jpeg_segments::{START_OF_SCAN, segments};

/// Number of bytes at the start of a file that nearly always contain its whole header.
pub(crate) const HEADER_BYTES: usize = 64 << 10;

/// Returns the peak memory in bytes of decoding an image file, besides the file itself; `None` if the header is not in
/// these first bytes, or the file is not an image.
///
/// Images that exceed the maximum side take nothing, since they are not decoded. The estimate includes the decoder's
/// own pixels, its working memory (coefficients of a JPEG in several scans, the transforms of WebP), and the resulting
/// 8-bit RGB; it was measured on images of 100 megapixels and more.
pub(crate) fn memory_to_decode(start: &[u8]) -> Option<u64> {
    let (width, height, bytes_per_pixel) = parse(start)?;
    let is_too_large = width > MAX_SIDE || height > MAX_SIDE;
    Some(if is_too_large { 0 } else { u64::from(width) * u64::from(height) * bytes_per_pixel })
}

/// Returns the width and height in the header.
pub(super) fn size(start: &[u8]) -> Option<(u32, u32)> {
    parse(start).map(|(width, height, _)| (width, height))
}

fn parse(start: &[u8]) -> Option<HeaderInfo> {
    png(start).or_else(|| webp(start)).or_else(|| jpeg(start))
}

/// Width, height, and bytes per pixel.
type HeaderInfo = (u32, u32, u64);

/// Bytes per pixel of 8-bit RGB.
const RGB8_BYTES: u64 = 3;

fn png(start: &[u8]) -> Option<HeaderInfo> {
    let header = start.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..18)?;
    let samples = match header[9] {
        0 => 1,
        2 => 3,
        4 => 2,
        _ => 4, // RGBA, or a palette, which is expanded.
    };
    let stored = samples * if header[8] == 16 { 2 } else { 1 };
    let with_alpha = if samples % 2 == 0 { 4 } else { 0 };
    Some((big_endian(header.get(0..4)?)?, big_endian(header.get(4..8)?)?, stored + with_alpha + RGB8_BYTES))
}

fn webp(start: &[u8]) -> Option<HeaderInfo> {
    let chunk = start.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WEBP")?;
    let (kind, data) = (chunk.get(..4)?, chunk.get(8..)?);
    let (width, height) = match kind {
        b"VP8 " => (little_endian(data.get(6..8)?) & 0x3FFF, little_endian(data.get(8..10)?) & 0x3FFF),
        b"VP8L" => {
            let packed = little_endian(data.get(1..5)?);
            ((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
        }
        b"VP8X" => (little_endian(data.get(4..7)?) + 1, little_endian(data.get(7..10)?) + 1),
        _ => return None,
    };
    Some((width, height, 4 + 4))
}

fn jpeg(start: &[u8]) -> Option<HeaderInfo> {
    if !start.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let mut frame = None;
    for (marker, content) in segments(start) {
        match marker {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => {
                let sides_and_samples = start.get(content.start + 1..content.start + 6)?;
                frame = Some((matches!(marker, 0xC0 | 0xC1), sides_and_samples));
            }
            START_OF_SCAN => {
                let (is_sequential, frame) = frame?;
                let (height, width) = (big_endian(&frame[0..2])?, big_endian(&frame[2..4])?);
                let samples = u64::from(frame[4]).min(4);
                // Unless one scan has all components, coefficients are kept until the last scan.
                let is_single_scan = is_sequential && u64::from(*start.get(content.start)?) >= samples;
                return Some((width, height, samples + if is_single_scan { 0 } else { 2 * samples } + RGB8_BYTES));
            }
            _ => {}
        }
    }
    None
}

fn big_endian(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0_u32, |number, byte| number.checked_mul(256)?.checked_add(u32::from(*byte)))
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat};
    use std::io::Cursor;

    #[test]
    fn sizes_match_the_decoder() {
        let image = DynamicImage::new_rgb8(37, 23);
        let files = [
            (image.clone(), ImageFormat::Jpeg, 6),
            (DynamicImage::new_luma8(37, 23), ImageFormat::Jpeg, 4),
            (image.clone(), ImageFormat::Png, 6),
            (DynamicImage::new_rgba16(37, 23), ImageFormat::Png, 8 + 4 + 3),
            (DynamicImage::new_luma8(37, 23), ImageFormat::Png, 4),
            (image, ImageFormat::WebP, 8),
        ];
        for (image, format, bytes_per_pixel) in files {
            let mut file = Cursor::new(Vec::new());
            image.write_to(&mut file, format).unwrap();
            assert_eq!(memory_to_decode(file.get_ref()), Some(37 * 23 * bytes_per_pixel), "{format:?}");
            for length in 0..file.get_ref().len() {
                let start = memory_to_decode(&file.get_ref()[..length]);
                assert!(start.is_none_or(|bytes| bytes == 37 * 23 * bytes_per_pixel), "{format:?}, {length} bytes");
            }
        }
    }

    #[test]
    fn jpegs_in_several_scans_include_their_coefficients() {
        let file = |frame: u8, components_in_scan: u8| {
            let frame = [0xFF, frame, 0, 17, 8, 0, 20, 0, 30, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
            [&[0xFF, 0xD8][..], &frame, &[0xFF, 0xDA, 0, 8, components_in_scan]].concat()
        };
        assert_eq!(memory_to_decode(&file(0xC0, 3)), Some(20 * 30 * 6));
        assert_eq!(memory_to_decode(&file(0xC0, 1)), Some(20 * 30 * 12));
        assert_eq!(memory_to_decode(&file(0xC2, 3)), Some(20 * 30 * 12));
        assert_eq!(size(&file(0xC2, 3)), Some((30, 20)));
    }

    #[test]
    fn files_that_are_not_images_have_no_estimate() {
        let huge = [&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &[0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 16, 6]].concat();
        assert_eq!(memory_to_decode(&huge), Some(0));
        for start in
            [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xff\xff\xff", b"RIFFxxxxWEBPVP8Y", b"\x89PNG\r\n\x1a\nIHDR", b"text"]
        {
            assert_eq!(memory_to_decode(start), None);
        }
    }
}
