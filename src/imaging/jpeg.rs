//! JPEGs straight into a buffer that is used again, and what of their data is missing.

use crate::imaging::Image;
use crate::imaging::decode::{MOST_BYTES, MOST_SIDE, flatten};
use crate::imaging::jpeg_reader::Watched;
use crate::imaging::jpeg_scans::{Guarded, Refusal};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use std::cell::Cell;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::{ZByteReaderTrait, ZCursor};
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// How what is wrong with a damaged JPEG begins.
pub(crate) const DAMAGED_JPEG: &str = "the JPEG is damaged";

/// What came of a JPEG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was decoded, and nothing is missing as far as that can be seen.
    Whole,
    /// It is none of those that can be examined.
    Unexamined,
    /// What is wrong with it.
    Damaged(String),
}

/// Decodes a JPEG whose data is whole, to the pixels that `image` gives.
///
/// `image` and the decoder below it fill in what is missing, and pass over what they do not use, in silence. Here
/// data that ends early, data that is left over and restart markers that are missing are noticed.
pub(super) fn decode_whole(bytes: &[u8], image: &mut Image) -> Outcome {
    let guarded = match Guarded::new(bytes) {
        Ok(guarded) => guarded,
        Err(Refusal::Unknown) => return Outcome::Unexamined,
        Err(Refusal::Damaged(what)) => return damaged(what),
    };
    let is_left_over = Cell::new(false);
    let reader = Watched::new(&guarded.bytes, &guarded.data, &is_left_over);
    match decode_strictly(reader, image) {
        Some(Ok(())) if is_left_over.get() => damaged("more data is there than its size needs"),
        Some(Ok(())) => Outcome::Whole,
        Some(Err(_)) => damaged("some of its data is missing or makes no sense"),
        None => Outcome::Unexamined,
    }
}

fn damaged(what: &str) -> Outcome {
    Outcome::Damaged(format!("{DAMAGED_JPEG}: {what}"))
}

/// None where the headers are not as they are known here.
fn decode_strictly(reader: Watched<'_>, image: &mut Image) -> Option<Result<(), ()>> {
    let mut decoder = JpegDecoder::new_with_options(reader, options(true));
    decoder.decode_headers().ok()?;
    let input = decoder.input_colorspace()?;
    if !matches!(input, ColorSpace::YCbCr | ColorSpace::RGB | ColorSpace::Luma | ColorSpace::CMYK | ColorSpace::YCCK) {
        return None;
    }
    let is_gray = input == ColorSpace::Luma;
    if is_gray {
        decoder.set_options(options(true).jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let (orientation, length) = (orientation(&mut decoder), decoded_length(&decoder)?);
    image.rgb.resize(length, 0);
    if decoder.decode_into(&mut image.rgb).is_err() {
        return Some(Err(()));
    }
    (image.width, image.height) = decoder.dimensions()?;
    if is_gray || orientation != Orientation::NoTransforms {
        *image = converted(std::mem::take(image), is_gray, orientation)?;
    }
    Some(Ok(()))
}

fn converted(image: Image, is_gray: bool, orientation: Orientation) -> Option<Image> {
    let (width, height) = (u32::try_from(image.width).ok()?, u32::try_from(image.height).ok()?);
    let mut image = if is_gray {
        DynamicImage::ImageLuma8(GrayImage::from_raw(width, height, image.rgb)?)
    } else {
        DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, image.rgb)?)
    };
    image.apply_orientation(orientation);
    Some(flatten(image))
}

/// Decodes a JPEG in color that its EXIF orientation leaves as it is, to the pixels that `image` gives, with whatever
/// it gives where data is missing.
///
/// Whether it did: all other JPEGs and all errors are left to `image`, which decodes with the same crate but reads the
/// headers three times and allocates the pixels anew for each image.
pub(super) fn decode_usual(bytes: &[u8], image: &mut Image) -> bool {
    try_usual(bytes, image).is_some()
}

fn try_usual(bytes: &[u8], image: &mut Image) -> Option<()> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options(false));
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    let is_color = matches!(decoder.input_colorspace()?, ColorSpace::YCbCr | ColorSpace::RGB);
    if !is_color || orientation(&mut decoder) != Orientation::NoTransforms {
        return None;
    }
    image.rgb.resize(decoded_length(&decoder)?, 0);
    decoder.decode_into(&mut image.rgb).ok()?;
    (image.width, image.height) = (width, height);
    Some(())
}

/// Bytes of the decoded pixels; none where there are none or too many.
fn decoded_length<T: ZByteReaderTrait>(decoder: &JpegDecoder<T>) -> Option<usize> {
    decoder.output_buffer_size().filter(|&length| length > 0 && length as u64 <= MOST_BYTES)
}

fn orientation<T: ZByteReaderTrait>(decoder: &mut JpegDecoder<T>) -> Orientation {
    let exif = decoder.exif();
    exif.and_then(|exif| Orientation::from_exif_chunk(exif)).unwrap_or(Orientation::NoTransforms)
}

/// What `image` sets, unless strict.
fn options(is_strict: bool) -> DecoderOptions {
    DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(is_strict)
        .set_max_width(MOST_SIDE as usize)
        .set_max_height(MOST_SIDE as usize)
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
