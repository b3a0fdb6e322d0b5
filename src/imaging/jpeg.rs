//! JPEG decoding into a reused buffer, with detection of missing data.

use crate::imaging::Image;
use crate::imaging::decode::{MAX_DECODED_BYTES, MAX_SIDE, flatten};
use crate::imaging::jpeg_reader::MonitoredReader;
use crate::imaging::jpeg_scans::{PaddedJpeg, ScanError};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use std::cell::Cell;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::{ZByteReaderTrait, ZCursor};
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Prefix of the reason for a damaged JPEG.
pub(crate) const DAMAGED_JPEG: &str = "the JPEG is damaged";

/// The result of decoding a JPEG with integrity checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Integrity {
    /// It was decoded, and no missing data was detected.
    Intact,
    /// It has a structure that cannot be checked.
    Unchecked,
    /// It is damaged, with the reason.
    Damaged(String),
}

/// Decodes a JPEG to the same pixels as the `image` crate, and detects missing data.
///
/// The `image` crate and its decoder silently fill in missing data and skip unused data. This function detects data
/// that ends early, data that is left over, and missing restart markers.
pub(super) fn decode_checked(bytes: &[u8], image: &mut Image) -> Integrity {
    let padded = match PaddedJpeg::new(bytes) {
        Ok(padded) => padded,
        Err(ScanError::Unknown) => return Integrity::Unchecked,
        Err(ScanError::Damaged(what)) => return damaged(what),
    };
    let is_left_over = Cell::new(false);
    let reader = MonitoredReader::new(&padded.bytes, &padded.data, &is_left_over);
    match decode_strictly(reader, image) {
        Some(Ok(())) if is_left_over.get() => damaged("it has more data than its size needs"),
        Some(Ok(())) => Integrity::Intact,
        Some(Err(_)) => damaged("some of its data is missing or invalid"),
        None => Integrity::Unchecked,
    }
}

fn damaged(what: &str) -> Integrity {
    Integrity::Damaged(format!("{DAMAGED_JPEG}: {what}"))
}

/// Decodes in strict mode; `None` if the headers are not of a supported kind.
fn decode_strictly(reader: MonitoredReader<'_>, image: &mut Image) -> Option<Result<(), ()>> {
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

/// Decodes a color JPEG without EXIF rotation to the same pixels as the `image` crate, including those it fills in for
/// missing data. Returns whether it did.
///
/// All other JPEGs and all errors are left to the `image` crate, which uses the same decoder but reads the headers
/// three times and allocates new pixels for each image.
pub(super) fn decode_fast(bytes: &[u8], image: &mut Image) -> bool {
    try_decode_fast(bytes, image).is_some()
}

fn try_decode_fast(bytes: &[u8], image: &mut Image) -> Option<()> {
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

/// Returns the number of bytes of the decoded pixels; `None` if it is 0 or above the maximum.
fn decoded_length<T: ZByteReaderTrait>(decoder: &JpegDecoder<T>) -> Option<usize> {
    decoder.output_buffer_size().filter(|&length| length > 0 && length as u64 <= MAX_DECODED_BYTES)
}

fn orientation<T: ZByteReaderTrait>(decoder: &mut JpegDecoder<T>) -> Orientation {
    let exif = decoder.exif();
    exif.and_then(|exif| Orientation::from_exif_chunk(exif)).unwrap_or(Orientation::NoTransforms)
}

/// Returns the decoder options: those of the `image` crate, and optionally strict mode.
fn options(is_strict: bool) -> DecoderOptions {
    DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(is_strict)
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
mod tests;
