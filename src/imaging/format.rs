//! Recognition of image formats by the first bytes of a file.

use image::ImageFormat;

/// Number of bytes at the start of a file that [`recognize`] looks at.
pub(crate) const SIGNATURE_BYTES: usize = 132;
/// Formats that can be decoded, as a phrase.
pub(super) const SUPPORTED: &str = "JPEG, PNG, WebP, GIF, BMP or TIFF";

/// What the first bytes of a file show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// An image that can be decoded.
    Supported(ImageFormat),
    /// An image in a format of this name that cannot be decoded.
    Unsupported(&'static str),
    /// Something of this name that is not a common image.
    Other(&'static str),
}

/// Signatures: offset, bytes, and what they show.
const SIGNATURES: [(usize, &[u8], FileFormat); 29] = [
    (0, b"\xff\xd8\xff", FileFormat::Supported(ImageFormat::Jpeg)),
    (0, b"\x89PNG\r\n\x1a\n", FileFormat::Supported(ImageFormat::Png)),
    (0, b"GIF87a", FileFormat::Supported(ImageFormat::Gif)),
    (0, b"GIF89a", FileFormat::Supported(ImageFormat::Gif)),
    (0, b"II*\0", FileFormat::Supported(ImageFormat::Tiff)),
    (0, b"MM\0*", FileFormat::Supported(ImageFormat::Tiff)),
    (0, b"II+\0", FileFormat::Unsupported("BigTIFF")),
    (0, b"MM\0+", FileFormat::Unsupported("BigTIFF")),
    (4, b"ftypavi", FileFormat::Unsupported("AVIF")),
    (4, b"ftyphei", FileFormat::Unsupported("HEIC")),
    (4, b"ftyphev", FileFormat::Unsupported("HEIC")),
    (4, b"ftypmif1", FileFormat::Unsupported("HEIC")),
    (4, b"ftypmsf1", FileFormat::Unsupported("HEIC")),
    (0, b"\0\0\0\x0cJXL ", FileFormat::Unsupported("JPEG XL")),
    (0, b"\xff\x0a", FileFormat::Unsupported("JPEG XL")),
    (0, b"\0\0\0\x0cjP  ", FileFormat::Unsupported("JPEG 2000")),
    (0, b"\xff\x4f\xff\x51", FileFormat::Unsupported("JPEG 2000")),
    (128, b"DICM", FileFormat::Other("DICOM")),
    (0, b"\x93NUMPY", FileFormat::Other("NumPy")),
    (0, b"8BPS", FileFormat::Other("Photoshop")),
    (0, b"v/1\x01", FileFormat::Other("OpenEXR")),
    (0, b"DDS ", FileFormat::Other("DDS")),
    (0, b"qoif", FileFormat::Other("QOI")),
    (0, b"P5\n", FileFormat::Other("PGM")),
    (0, b"P6\n", FileFormat::Other("PPM")),
    (0, b"%PDF", FileFormat::Other("PDF")),
    (0, b"PK\x03\x04", FileFormat::Other("ZIP")),
    (0, b"<svg", FileFormat::Other("SVG")),
    (0, b"<", FileFormat::Other("HTML or XML")),
];

/// Returns what the first bytes of a file show; `None` if they are not known.
pub(crate) fn recognize(start: &[u8]) -> Option<FileFormat> {
    if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP") {
        return Some(FileFormat::Supported(ImageFormat::WebP));
    }
    if is_bmp(start) {
        return Some(FileFormat::Supported(ImageFormat::Bmp));
    }
    let is_there = |(offset, bytes, _): &&(usize, &[u8], FileFormat)| {
        start.get(*offset..).is_some_and(|start| start.starts_with(bytes))
    };
    SIGNATURES.iter().find(is_there).map(|(.., format)| *format)
}

/// Returns whether a file is a BMP. Its signature is two letters that a text can begin with, so the length of the second
/// header is also checked.
fn is_bmp(start: &[u8]) -> bool {
    const HEADER_LENGTHS: [u8; 7] = [12, 40, 52, 56, 64, 108, 124];
    start.starts_with(b"BM") && matches!(start.get(14..18), Some([length, 0, 0, 0]) if HEADER_LENGTHS.contains(length))
}

/// Returns the format of a file that is to be decoded.
///
/// # Errors
/// Why it cannot be decoded, as a phrase.
pub(super) fn supported(bytes: &[u8]) -> Result<ImageFormat, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    match recognize(bytes) {
        Some(FileFormat::Supported(format)) => Ok(format),
        Some(FileFormat::Unsupported(name)) => {
            Err(format!("{name} files are not supported; convert it to PNG or JPEG"))
        }
        Some(FileFormat::Other(name)) => Err(format!("not a {SUPPORTED} file, but {name}")),
        None => Err(format!("not a {SUPPORTED} file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::DynamicImage;
    use std::io::Cursor;

    #[test]
    fn what_is_encoded_is_recognized() {
        use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
        for format in [Jpeg, Png, WebP, Gif, Bmp, Tiff] {
            let mut file = Cursor::new(Vec::new());
            DynamicImage::new_rgb8(3, 2).write_to(&mut file, format).unwrap();
            assert_eq!(supported(file.get_ref()), Ok(format));
        }
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let dicom = [&[0; 128][..], b"DICM"].concat();
        for (bytes, part) in [
            (&b"\0\0\0\x20ftypheic"[..], "HEIC files are not supported; convert"),
            (b"\0\0\0\x1cftypavif", "AVIF files are not supported; convert"),
            (b"\0\0\0\x0cJXL \r\n", "JPEG XL files are not supported; convert"),
            (b"<!DOCTYPE html>", "file, but HTML"),
            (b"P6\n3 2\n255\n", "file, but PPM"),
            (&dicom, "file, but DICOM"),
            (b"BMI,age\n21,30\nsome more rows", "not a JPEG"),
            (b"", "is empty"),
        ] {
            let reason = supported(bytes).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }
}
