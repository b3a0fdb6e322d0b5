//! Parts of an image, and how an image that is not square becomes one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an image that is not square becomes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Width and height are scaled apart.
    #[default]
    Squash,
    /// The shorter side is scaled to the image size, the middle is kept.
    CenterCrop,
}

/// A rectangle of whole pixels inside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Pixels left of it.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Pixels in its rows, at least 1.
    pub width: usize,
    /// Its rows, at least 1.
    pub height: usize,
}

impl Region {
    /// A whole image.
    pub fn whole(width: usize, height: usize) -> Self {
        Self { left: 0, top: 0, width, height }
    }

    /// The part of an image that `fit` keeps.
    ///
    /// The middle square is cut out before it is scaled; torchvision scales first and rounds the longer side, which
    /// moves the middle by at most half a pixel.
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
