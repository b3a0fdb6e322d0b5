//! What happens to an image between decoding and use: 8 bits per channel, and no more pixels than needed.

use crate::dataset::config::DatasetConfig;
use crate::imaging::{DeepImage, Image, Resampler, SixteenBit};
use serde::{Deserialize, Serialize};

/// Default stored size as a multiple of the image size, so that crops keep their detail.
const STORED_PER_IMAGE_SIDE: usize = 2;

/// How decoded images are prepared.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Preparation {
    /// Larger images are resized to this shorter side in pixels.
    stored_size: usize,
    sixteen_bit: SixteenBit,
}

impl DatasetConfig {
    /// Returns how the images are prepared.
    pub(super) fn preparation(&self) -> Preparation {
        let stored_size = self.stored_size.unwrap_or(STORED_PER_IMAGE_SIDE * self.image_size);
        Preparation { stored_size, sixteen_bit: self.sixteen_bit }
    }
}

impl Preparation {
    /// Prepares an image; `deep` has its pixels if it has 16 bits.
    ///
    /// # Errors
    /// The range of a 16-bit image is too small, as a phrase.
    pub(super) fn apply(self, deep: Option<DeepImage>, image: &mut Image) -> Result<(), String> {
        deep.map_or(Ok(()), |deep| deep.reduce(self.sixteen_bit, image))?;
        reduce(image, self.stored_size);
        Ok(())
    }
}

/// Resizes an image whose shorter side exceeds `stored_size` to that shorter side.
fn reduce(image: &mut Image, stored_size: usize) {
    let shorter = image.width.min(image.height);
    if shorter <= stored_size {
        return;
    }
    let scaled = |side: usize| ((side * stored_size + shorter / 2) / shorter).max(1);
    let (width, height) = (scaled(image.width), scaled(image.height));
    *image = Resampler::default().image(image.view(), width, height);
}
