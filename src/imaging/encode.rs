//! Encoding of images as PNG.

use crate::base::{Error, Result};
use crate::imaging::ImageRef;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// Encodes the image as a PNG file with 8 bits per channel.
///
/// # Errors
/// The image has no pixels, is larger than a PNG can be, or its number of bytes does not match its size.
pub fn encode_png(image: ImageRef<'_>) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let size = |side: usize| u32::try_from(side).map_err(|_| Error::bug(format!("a PNG cannot be {side} pixels wide")));
    if image.rgb.len() != image.width * image.height * super::CHANNELS {
        return Err(Error::bug("the number of bytes of an image does not match its size"));
    }
    PngEncoder::new(&mut file)
        .write_image(image.rgb, size(image.width)?, size(image.height)?, ExtendedColorType::Rgb8)
        .map_err(|error| Error::bug(format!("an image cannot be encoded as PNG: {error}")))?;
    Ok(file)
}
