//! Regions of an image, and the fit of an image to a square.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an image that is not square becomes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Width and height are scaled independently, changing the aspect ratio.
    #[default]
    Squash,
    /// The shorter side is scaled to the image size, and the center is kept.
    CenterCrop,
}

/// A rectangle of whole pixels inside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Pixels to its left.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
}

impl Region {
    /// Returns the region of a whole image.
    pub fn whole(width: usize, height: usize) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// Returns the region of an image that `fit` keeps.
    ///
    /// The center square is cropped before scaling; torchvision scales first and rounds the longer side, which moves
    /// the center by at most half a pixel.
    pub fn kept(width: usize, height: usize, fit: Fit) -> Self {
        match fit {
            Fit::Squash => Self::whole(width, height),
            Fit::CenterCrop => {
                let side = width.min(height);
                Self { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side }
            }
        }
    }
}
