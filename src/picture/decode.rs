//! JPEG, PNG and WebP files to pictures.

use crate::picture::{CHANNELS, OwnedPicture};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// Most pixels on a side: far above any camera, far below what a forged header asks for.
const MOST_SIDE: u32 = 30_000;
/// Most bytes of decoded pixels (as stored in the file: up to 8 a pixel), so that one file cannot use up the memory.
const MOST_BYTES: u64 = 768 << 20;
/// Memory that a decoder may use beside the pixels.
const DECODER_BYTES: u64 = 1 << 30;

/// Decodes a JPEG (progressive too), PNG or WebP file, told apart by content, not by name.
///
/// Grayscale becomes three equal channels, 16 bits are rounded to 8, CMYK is converted, what is transparent shows
/// white behind it, the first frame stands for an animation, and the EXIF orientation is applied.
///
/// # Errors
/// The reason why the bytes are no such picture, as a phrase: damaged, cut short, too large, another format.
pub fn decode(bytes: &[u8]) -> Result<OwnedPicture, String> {
    let format = recognise(bytes)?;
    if format == ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err("the JPEG ends before its end marker (cut short)".to_owned());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(reason)?;
    check_size(&decoder)?;
    let orientation = decoder.orientation().map_err(reason)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(reason)?;
    image.apply_orientation(orientation);
    Ok(flatten(image))
}

fn recognise(bytes: &[u8]) -> Result<ImageFormat, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        Ok(other) => Err(format!("{other:?} files are not read; convert to JPEG, PNG or WebP")),
        Err(_) => Err("not a JPEG, PNG or WebP file".to_owned()),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(DECODER_BYTES);
    limits
}

fn check_size(decoder: &impl ImageDecoder) -> Result<(), String> {
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(format!("the picture has no pixels ({width}x{height})"));
    }
    if width > MOST_SIDE || height > MOST_SIDE || decoder.total_bytes() > MOST_BYTES {
        return Err(format!("the picture is too large ({width}x{height})"));
    }
    Ok(())
}

fn reason(error: image::ImageError) -> String {
    let text = error.to_string();
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// Whether the end marker follows the first scan. The decoder fills what is missing with grey instead of failing.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xFF {
            at += 1; // Fill bytes may precede a marker.
            continue;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == START_OF_SCAN {
            // Inside a scan 0xFF is followed by 0 or a restart marker, so these two bytes are the marker itself.
            return bytes.get(at..).is_some_and(|rest| rest.windows(2).any(|pair| pair == END_OF_IMAGE));
        }
    }
    true // Not made as we know it: the decoder says what is wrong.
}

fn flatten(image: DynamicImage) -> OwnedPicture {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let rgb = if image.color().has_alpha() { over_white(&image.into_rgba8()) } else { image.into_rgb8().into_raw() };
    OwnedPicture { width, height, rgb }
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
