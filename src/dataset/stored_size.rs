//! The size in which images are kept.

use crate::dataset::config::DatasetConfig;
use crate::imaging::{Image, Resampler};

/// Default stored size as a multiple of the image size, so that crops keep their detail.
const STORED_PER_IMAGE_SIDE: usize = 2;

impl DatasetConfig {
    /// Returns the shorter side in pixels that larger images are resized to.
    pub(super) fn stored_side(&self) -> usize {
        self.stored_size.unwrap_or(STORED_PER_IMAGE_SIDE * self.image_size)
    }
}

/// Resizes an image whose shorter side exceeds `stored_size` to that shorter side.
pub(super) fn reduce(image: &mut Image, stored_size: usize) {
    let shorter = image.width.min(image.height);
    if shorter <= stored_size {
        return;
    }
    let scaled = |side: usize| ((side * stored_size + shorter / 2) / shorter).max(1);
    let (width, height) = (scaled(image.width), scaled(image.height));
    *image = Resampler::default().image(image.view(), width, height);
}
