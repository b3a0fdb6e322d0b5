//! Images to PNG files.

use crate::base::{Error, Result};
use crate::imaging::ImageRef;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// The image as a PNG file of eight bits a channel.
///
/// # Errors
/// The image has no pixels, more than a PNG holds, or a number of bytes that does not fit its size.
pub fn encode_png(image: ImageRef<'_>) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let size = |side: usize| u32::try_from(side).map_err(|_| Error::bug(format!("a PNG cannot be {side} pixels wide")));
    if image.rgb.len() != image.width * image.height * super::CHANNELS {
        return Err(Error::bug("an image's bytes do not fit its size"));
    }
    PngEncoder::new(&mut file)
        .write_image(image.rgb, size(image.width)?, size(image.height)?, ExtendedColorType::Rgb8)
        .map_err(|error| Error::bug(format!("an image has no PNG form: {error}")))?;
    Ok(file)
}
