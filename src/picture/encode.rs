//! Pictures to PNG files.

use crate::base::{Error, Result};
use crate::picture::Picture;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

/// The picture as a PNG file of eight bits a channel.
///
/// # Errors
/// The picture has no pixels, more than a PNG holds, or a number of bytes that does not fit its size.
pub fn encode_png(picture: Picture<'_>) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let size = |side: usize| u32::try_from(side).map_err(|_| Error::bug(format!("a PNG cannot be {side} pixels wide")));
    if picture.rgb.len() != picture.width * picture.height * super::CHANNELS {
        return Err(Error::bug("a picture's bytes do not fit its size"));
    }
    PngEncoder::new(&mut file)
        .write_image(picture.rgb, size(picture.width)?, size(picture.height)?, ExtendedColorType::Rgb8)
        .map_err(|error| Error::bug(format!("a picture has no PNG form: {error}")))?;
    Ok(file)
}
