//! Images as bytes: eight bits of red, green and blue for each pixel, and how they are brought to a square.

mod decode;
mod encode;
mod header;
mod jpeg;
mod jpeg_frame;
mod jpeg_reader;
mod jpeg_scans;
mod jpeg_segments;
mod jpeg_zeros;
mod region;
pub mod resample;
pub(crate) mod vector;

pub use decode::{decode, decode_into};
pub use encode::encode_png;
pub use header::{HEADER_BYTES, memory_to_decode};
pub(crate) use jpeg::DAMAGED_JPEG;
pub use region::{Fit, Region};
pub use resample::{Flip, Resampler};

/// Values of a pixel: red, green, blue.
pub const CHANNELS: usize = 3;

/// An image of `height * width * 3` bytes: rows from the top, pixels from the left, red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRef<'a> {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: &'a [u8],
}

/// A [`ImageRef`] that owns its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Image {
    /// The image, borrowed.
    pub fn view(&self) -> ImageRef<'_> {
        ImageRef { width: self.width, height: self.height, rgb: &self.rgb }
    }
}

impl ImageRef<'_> {
    /// The part of the image that `fit` keeps: all of it, or the middle square.
    pub fn kept(&self, fit: Fit) -> Region {
        Region::kept(self.width, self.height, fit)
    }
}
