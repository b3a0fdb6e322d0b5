//! The usual JPEG straight into a buffer that is used again.

use crate::picture::OwnedPicture;
use crate::picture::decode::{MOST_BYTES, MOST_SIDE};
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Decodes a JPEG in colour that its EXIF orientation leaves as it is, to the pixels that `image` gives.
///
/// Whether it did: all other JPEGs and all errors are left to `image`, which decodes with the same crate but reads the
/// headers three times and allocates the pixels anew for each picture.
pub(super) fn decode_usual(bytes: &[u8], picture: &mut OwnedPicture) -> bool {
    try_usual(bytes, picture).is_some()
}

fn try_usual(bytes: &[u8], picture: &mut OwnedPicture) -> Option<()> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    let length = decoder.output_buffer_size()?;
    let is_colour = matches!(decoder.input_colorspace()?, ColorSpace::YCbCr | ColorSpace::RGB);
    let is_upright = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif)).is_none_or(leaves_as_is);
    if !is_colour || !is_upright || length == 0 || length as u64 > MOST_BYTES {
        return None;
    }
    picture.rgb.resize(length, 0);
    decoder.decode_into(&mut picture.rgb).ok()?;
    (picture.width, picture.height) = (width, height);
    Some(())
}

fn leaves_as_is(orientation: Orientation) -> bool {
    orientation == Orientation::NoTransforms
}

/// What `image` sets.
fn options() -> DecoderOptions {
    DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(false)
        .set_max_width(MOST_SIDE as usize)
        .set_max_height(MOST_SIDE as usize)
}
