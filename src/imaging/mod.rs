//! 8-bit RGB images: decoding, encoding, resizing and the fit to a square.
//!
//! ```
//! use simclr::imaging::{Image, Resampler, decode, encode_png};
//!
//! let black_and_white = Image { width: 2, height: 1, rgb: vec![0, 0, 0, 255, 255, 255] };
//! let png = encode_png(black_and_white.view())?;
//! assert_eq!(decode(&png)?, black_and_white);
//!
//! let gray = Resampler::default().image(black_and_white.view(), 1, 1);
//! assert!((127..=128).contains(&gray.rgb[0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
mod encode;
mod format;
mod header;
mod jpeg;
mod jpeg_frame;
mod jpeg_reader;
mod jpeg_scans;
mod jpeg_segments;
mod jpeg_zeros;
pub(crate) mod perceptual;
mod region;
pub mod resample;
mod sixteen_bit;
mod tiff_header;
pub(crate) mod vector;

pub(crate) use decode::{Decoded, decode_depth};
pub use decode::{decode, decode_into};
pub(crate) use encode::encode_jpeg;
pub use encode::encode_png;
pub(crate) use format::{FileFormat, SIGNATURE_BYTES, recognize};
pub(crate) use header::{HEADER_BYTES, memory_to_decode};
pub(crate) use jpeg::DAMAGED_JPEG;
pub use region::{Fit, Region};
pub use resample::{Flip, Resampler};
pub(crate) use sixteen_bit::{DeepImage, SMALL_RANGE};
pub use sixteen_bit::{SixteenBit, Window};

/// Channels of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// A borrowed image of `[height, width, 3]` bytes, row-major from the top left, channels red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRef<'a> {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: &'a [u8],
}

/// An owned image; see [`ImageRef`] for the layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Image {
    /// Borrows the image.
    pub fn view(&self) -> ImageRef<'_> {
        ImageRef { width: self.width, height: self.height, rgb: &self.rgb }
    }
}

impl ImageRef<'_> {
    /// Returns the region of the image that `fit` keeps: all of it, or the center square.
    pub fn kept(&self, fit: Fit) -> Region {
        Region::kept(self.width, self.height, fit)
    }
}
