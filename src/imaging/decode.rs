//! Decoding of image files.

use crate::base::{human, text};
use crate::imaging::jpeg::{self, Integrity};
use crate::imaging::jpeg_segments::{self, START_OF_SCAN, segments};
use crate::imaging::sixteen_bit::{DeepImage, SixteenBit};
use crate::imaging::{CHANNELS, Image, format, header};
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// Maximum pixels per side: far above any scanner, far below what a forged header claims.
pub(super) const MAX_SIDE: u32 = 1_000_000;
/// Maximum bytes of decoded pixels (in the file's pixel format: up to 8 per pixel), so that one file cannot exhaust
/// memory.
pub(super) const MAX_DECODED_BYTES: u64 = 768 << 20;
/// Maximum memory in bytes that a decoder may use besides the pixels.
const DECODER_BYTES: u64 = 1 << 30;
/// Maximum characters of a decoder's message.
const MAX_REASON: usize = 300;

/// What decoding found besides the pixels.
#[derive(Default)]
pub(crate) struct Decoded {
    /// Damage of a JPEG that lost data inside and was decoded as far as possible, as a phrase.
    pub(crate) damage: Option<String>,
    /// The pixels of a 16-bit image, which [`DeepImage::reduce`] writes with 8 bits.
    pub(crate) deep: Option<DeepImage>,
}

/// Decodes a JPEG (including progressive), PNG, WebP, GIF, BMP or TIFF file, recognized by content, not by name.
///
/// Grayscale becomes three equal channels, palettes and CMYK are converted, transparency is composited over white, an
/// animation or a file with several pages gives its first one, and the EXIF orientation is applied. In 16-bit images
/// black is 0 and white 65535.
///
/// # Errors
/// Why the file cannot be decoded, as a phrase: damaged, truncated, too large, 16-bit values of small range, another
/// format.
pub fn decode(bytes: &[u8]) -> Result<Image, String> {
    let mut image = Image::default();
    decode_into(bytes, &mut image)?.map_or(Ok(image), Err)
}

/// Same as [`decode`], but reuses the memory of `image`: allocating pixels for each of many images would dominate the
/// kernel's time.
///
/// A JPEG that lost data inside is decoded as far as possible, and a phrase that describes the damage is returned.
///
/// # Errors
/// Those of [`decode`] except for that one; the content of `image` is then unspecified.
pub fn decode_into(bytes: &[u8], image: &mut Image) -> Result<Option<String>, String> {
    let Decoded { damage, deep } = decode_depth(bytes, image)?;
    deep.map_or(Ok(()), |deep| deep.reduce(SixteenBit::Full, image))?;
    Ok(damage)
}

/// Same as [`decode_into`], but returns a 16-bit image as it is; `image` is then unspecified.
///
/// # Errors
/// Those of [`decode_into`] except for small ranges.
pub(crate) fn decode_depth(bytes: &[u8], image: &mut Image) -> Result<Decoded, String> {
    let mut damage = None;
    let format = format::supported(bytes)?;
    if let Some(header) = header::parse(bytes) {
        check_size(header.width, header.height, header.decoded)?;
    }
    if format == ImageFormat::Jpeg {
        if let Some(reason) = jpeg_segments::unsupported(bytes) {
            return Err(reason);
        }
        if !jpeg_is_complete(bytes) {
            return Err("the JPEG ends before its end marker (truncated)".to_owned());
        }
        match jpeg::decode_checked(bytes, image) {
            Integrity::Intact => return Ok(Decoded::default()),
            Integrity::Unchecked => {}
            Integrity::Damaged(what) => damage = Some(what),
        }
        if jpeg::decode_fast(bytes, image) {
            return Ok(Decoded { damage, deep: None });
        }
    }
    let deep = match DeepImage::new(decode_any(bytes, format)?) {
        Ok(deep) => Some(deep),
        Err(decoded) => {
            *image = flatten(decoded);
            None
        }
    };
    Ok(Decoded { damage, deep })
}

fn decode_any(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, String> {
    if format == ImageFormat::WebP && !webp_is_complete(bytes) {
        return Err("the WebP ends inside one of its chunks (truncated)".to_owned());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|error| reason(&error))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes())?;
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err("its values are floating-point numbers; convert it to 8 or 16 bits".to_owned());
    }
    let orientation = decoder.orientation().map_err(|error| reason(&error))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| reason(&error))?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(DECODER_BYTES);
    limits
}

/// Checks the sides in pixels and the number of bytes of decoded pixels.
fn check_size(width: u32, height: u32, decoded: u64) -> Result<(), String> {
    let limit = if width == 0 || height == 0 {
        return Err(format!("the image has no pixels ({width}x{height})"));
    } else if width > MAX_SIDE || height > MAX_SIDE {
        format!("{MAX_SIDE} pixels per side")
    } else if decoded > MAX_DECODED_BYTES {
        format!("{} of decoded pixels", human::bytes(MAX_DECODED_BYTES))
    } else {
        return Ok(());
    };
    Err(format!("the image is too large ({width}x{height}; the maximum is {limit})"))
}

fn reason(error: &ImageError) -> String {
    let text = error.to_string();
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    // A header may list thousands of numbers.
    let text = text::cut(&text, MAX_REASON);
    match error {
        ImageError::Unsupported(_) => format!("{text}; convert it to 8-bit PNG or JPEG"),
        _ => text.into_owned(),
    }
}

/// Returns whether every chunk is inside the file. The decoder allocates the length in a chunk header before it reads
/// the chunk.
fn webp_is_complete(bytes: &[u8]) -> bool {
    let length = |at: usize| bytes.get(at + 4..at + 8).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let end = length(0).map_or(bytes.len(), |length| bytes.len().min(length.saturating_add(8)));
    let mut at = 12;
    while at + 8 <= end {
        let Some(next) = length(at).and_then(|length| (at + 8).checked_add(length)) else { return false };
        if next > bytes.len() {
            return false;
        }
        at = next + next % 2;
    }
    true
}

/// Returns whether an end marker follows the first scan. The decoder fills missing data with gray instead of failing.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
    let Some((_, header)) = segments(bytes).find(|(marker, _)| *marker == START_OF_SCAN) else {
        return true; // Unknown structure: the decoder reports what is wrong.
    };
    // Inside a scan, 0xFF is followed by 0 or a restart marker, so these two bytes can only be the marker.
    let ends = |scan: &[u8]| scan.ends_with(&END_OF_IMAGE) || scan.windows(2).any(|pair| pair == END_OF_IMAGE);
    bytes.get(header.end..).is_some_and(ends)
}

pub(super) fn flatten(image: DynamicImage) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let rgb = if image.color().has_alpha() { over_white(&image.into_rgba8()) } else { image.into_rgb8().into_raw() };
    Image { width, height, rgb }
}

fn over_white(image: &image::RgbaImage) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(image.len() / 4 * CHANNELS);
    for pixel in image.pixels() {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        let mix = |value: u32| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        rgb.extend([mix(red), mix(green), mix(blue)]);
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    /// Returns a JPEG of this size, in color or grayscale, optionally with an EXIF orientation.
    fn jpeg_file(width: u32, height: u32, color: ExtendedColorType, orientation: Option<u8>) -> Vec<u8> {
        let length = u64::from(width * height) * u64::from(color.channel_count());
        let values: Vec<u8> = (0..length).map(|i| (i * i / 7 + i * 3) as u8).collect();
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 80);
        if let Some(orientation) = orientation {
            let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
            let chunk = [&b"MM\0\x2a\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat();
            encoder.set_exif_metadata(chunk).unwrap();
        }
        encoder.write_image(&values, width, height, color).unwrap();
        file
    }

    #[test]
    fn the_fast_path_gives_the_same_pixels_as_the_general_one() {
        // Reused for smaller images: no old pixels may remain.
        let mut image = Image { width: 90, height: 80, rgb: vec![123; 90 * 80 * CHANNELS] };
        let rgb = |width, height, orientation| jpeg_file(width, height, ExtendedColorType::Rgb8, orientation);
        for file in [rgb(61, 37, None), rgb(1, 1, None), rgb(64, 48, Some(1)), rgb(17, 80, None)] {
            assert!(jpeg::decode_fast(&file, &mut image));
            assert_eq!(image, flatten(decode_any(&file, ImageFormat::Jpeg).unwrap()));
        }
    }

    #[test]
    fn images_that_are_too_wide_are_refused_with_size_and_limit() {
        let mut file = Cursor::new(Vec::new());
        DynamicImage::new_luma8(MAX_SIDE + 1, 1).write_to(&mut file, ImageFormat::Png).unwrap();
        let reason = decode(file.get_ref()).unwrap_err();
        assert_eq!(reason, "the image is too large (1000001x1; the maximum is 1000000 pixels per side)");
        // Long and narrow images are small.
        let mut file = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(40_000, 2).write_to(&mut file, ImageFormat::Jpeg).unwrap();
        assert_eq!(decode(file.get_ref()).map(|image| image.width), Ok(40_000));
    }

    #[test]
    fn a_webp_with_a_chunk_longer_than_the_file_is_refused() {
        let mut file = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(5, 4).write_to(&mut file, ImageFormat::WebP).unwrap();
        let whole = file.into_inner();
        assert!(decode(&whole).is_ok());
        let mut bomb = whole.clone();
        bomb.extend(*b"EXIF\xf0\xff\xff\xff");
        let length = (bomb.len() - 8) as u32;
        bomb[4..8].copy_from_slice(&length.to_le_bytes());
        for damaged in [&bomb[..], &whole[..whole.len() - 3]] {
            assert!(decode(damaged).unwrap_err().contains("truncated"));
        }
    }

    #[test]
    fn the_fast_path_leaves_gray_rotated_and_damaged_files_to_the_general_one() {
        let gray = jpeg_file(20, 30, ExtendedColorType::L8, None);
        let rotated = jpeg_file(20, 30, ExtendedColorType::Rgb8, Some(6));
        let mut image = Image::default();
        for (file, size) in [(&gray, (20, 30)), (&rotated, (30, 20))] {
            assert!(!jpeg::decode_fast(file, &mut image));
            decode_into(file, &mut image).unwrap();
            assert_eq!((image.width, image.height), size);
            assert_eq!(image, decode(file).unwrap());
        }
        let damaged = [&rotated[..60], &rotated[rotated.len() - 2..]].concat();
        assert!(!jpeg::decode_fast(&damaged, &mut image));
        let general = decode_any(&damaged, ImageFormat::Jpeg).map(|_| None);
        assert_eq!(decode_into(&damaged, &mut image), general);
    }
}
