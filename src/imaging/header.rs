//! Estimates of the memory that decoding takes, from the header of an image file, without decoding anything.

use crate::imaging::decode::{MAX_DECODED_BYTES, MAX_SIDE};
use crate::imaging::jpeg_segments::{START_OF_SCAN, segments};
use crate::imaging::tiff_header::tiff;

/// Number of bytes at the start of a file that nearly always contain its whole header.
pub(crate) const HEADER_BYTES: usize = 64 << 10;

/// Returns the peak memory in bytes of decoding an image file, besides the file itself; `None` if the header is not in
/// these first bytes, or the file is not an image.
///
/// Images that exceed a limit take nothing, since they are not decoded. The estimate includes the decoder's own pixels,
/// its working memory (coefficients of a JPEG in several scans, the transforms of WebP), and the resulting 8-bit RGB; it
/// was measured on images of 100 megapixels and more.
pub(crate) fn memory_to_decode(start: &[u8]) -> Option<u64> {
    let header = parse(start)?;
    let is_too_large = header.width > MAX_SIDE || header.height > MAX_SIDE || header.decoded > MAX_DECODED_BYTES;
    Some(if is_too_large { 0 } else { header.memory })
}

/// The content of a header.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Number of bytes of the pixels as they are decoded.
    pub(super) decoded: u64,
    /// Peak memory in bytes of decoding.
    pub(super) memory: u64,
}

impl Header {
    /// Creates a header from the bytes per pixel of what is decoded and of the peak memory.
    pub(super) fn new(width: u32, height: u32, decoded: u64, memory: u64) -> Self {
        let pixels = u64::from(width).saturating_mul(u64::from(height));
        Self { width, height, decoded: pixels.saturating_mul(decoded), memory: pixels.saturating_mul(memory) }
    }
}

/// Returns the header in these first bytes, if all of it is there.
pub(super) fn parse(start: &[u8]) -> Option<Header> {
    [png, webp, jpeg, gif, bmp, tiff].iter().find_map(|parse| parse(start))
}

/// Bytes per pixel of 8-bit RGB.
pub(super) const RGB8_BYTES: u64 = 3;
/// Bytes per pixel of 8-bit RGBA.
const RGBA8_BYTES: u64 = 4;

fn png(start: &[u8]) -> Option<Header> {
    let header = start.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..18)?;
    let samples = match header[9] {
        0 => 1,
        2 => 3,
        4 => 2,
        _ => 4, // RGBA, or a palette, which is expanded.
    };
    let stored = samples * if header[8] == 16 { 2 } else { 1 };
    let with_alpha = if samples % 2 == 0 { RGBA8_BYTES } else { 0 };
    let (width, height) = (big_endian(header.get(0..4)?)?, big_endian(header.get(4..8)?)?);
    Some(Header::new(width, height, stored, stored + with_alpha + RGB8_BYTES))
}

fn webp(start: &[u8]) -> Option<Header> {
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
    Some(Header::new(width, height, RGB8_BYTES, 2 * RGBA8_BYTES))
}

fn jpeg(start: &[u8]) -> Option<Header> {
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
                let coefficients = if is_single_scan { 0 } else { 2 * samples };
                return Some(Header::new(width, height, samples.min(RGB8_BYTES), samples + coefficients + RGB8_BYTES));
            }
            _ => {}
        }
    }
    None
}

/// The first image of a GIF is decoded into memory of its own if it does not cover the canvas.
fn gif(start: &[u8]) -> Option<Header> {
    if !start.starts_with(b"GIF87a") && !start.starts_with(b"GIF89a") {
        return None;
    }
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let sides = |bytes: &[u8]| (little_endian(&bytes[..2]), little_endian(&bytes[2..4]));
    let mut at = 13 + palette(*start.get(10)?);
    while *start.get(at)? == 0x21 {
        at += 2; // An extension, in blocks that begin with their length.
        while *start.get(at)? != 0 {
            at += 1 + usize::from(start[at]);
        }
        at += 1;
    }
    let ((width, height), (frame_width, frame_height)) = (sides(&start[6..10]), sides(start.get(at + 5..at + 9)?));
    let frame = Header::new(frame_width, frame_height, RGBA8_BYTES, RGBA8_BYTES);
    let canvas = Header::new(width, height, RGBA8_BYTES, RGBA8_BYTES + RGB8_BYTES);
    Some(Header { decoded: canvas.decoded.max(frame.decoded), memory: canvas.memory + frame.memory, ..canvas })
}

fn bmp(start: &[u8]) -> Option<Header> {
    let header = start.strip_prefix(b"BM")?.get(12..24)?;
    let (width, height) = match little_endian(&header[..4]) {
        12 => (little_endian(&header[4..6]), little_endian(&header[6..8])),
        // A negative height is that of an image stored from the top.
        _ => (little_endian(&header[4..8]), little_endian(&header[8..12]).cast_signed().unsigned_abs()),
    };
    Some(Header::new(width, height, RGBA8_BYTES, 2 * RGBA8_BYTES))
}

pub(super) fn big_endian(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0_u32, |number, byte| number.checked_mul(256)?.checked_add(u32::from(*byte)))
}

pub(super) fn little_endian(bytes: &[u8]) -> u32 {
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
            (image.clone(), ImageFormat::WebP, 8),
            (DynamicImage::new_rgba8(37, 23), ImageFormat::Gif, 4 + 4 + 3),
            (image.clone(), ImageFormat::Bmp, 8),
            (image, ImageFormat::Tiff, 2 * 3 + 4 + 3),
            (DynamicImage::new_luma16(37, 23), ImageFormat::Tiff, 2 * 2 + 4 + 3),
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
        assert_eq!(parse(&file(0xC2, 3)).map(|header| (header.width, header.height)), Some((30, 20)));
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
