//! Encoding of images as PNG and JPEG.

use crate::base::{Error, Result};
use crate::imaging::ImageRef;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// Quality of JPEGs, of 100: their artifacts are invisible in a thumbnail.
const QUALITY: u8 = 82;

/// Encodes the image as a PNG file with 8 bits per channel.
///
/// # Errors
/// The image has no pixels, is larger than a PNG can be, or its number of bytes does not match its size.
pub fn encode_png(image: ImageRef<'_>) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    write(PngEncoder::new(&mut file), image).map(|()| file)
}

/// Encodes the image as a JPEG file without subsampling of colors.
///
/// # Errors
/// The image has no pixels, is larger than a JPEG can be, or its number of bytes does not match its size.
pub(crate) fn encode_jpeg(image: ImageRef<'_>) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    write(JpegEncoder::new_with_quality(&mut file, QUALITY), image).map(|()| file)
}

fn write(encoder: impl ImageEncoder, image: ImageRef<'_>) -> Result<()> {
    let size = |side: usize| u32::try_from(side).map_err(|_| Error::bug(format!("an image of {side} pixels a row")));
    if image.rgb.len() != image.width * image.height * super::CHANNELS {
        return Err(Error::bug("the number of bytes of an image does not match its size"));
    }
    encoder
        .write_image(image.rgb, size(image.width)?, size(image.height)?, ExtendedColorType::Rgb8)
        .map_err(|error| Error::bug(format!("an image cannot be encoded: {error}")))
}
