//! Pictures as bytes: eight bits of red, green and blue for each pixel, and how they are brought to a square.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A picture of `height * width * 3` bytes: rows from the top, pixels from the left, red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: &'a [u8],
}

/// How a picture that is not square becomes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Width and height are scaled apart.
    #[default]
    Squash,
    /// The shorter side is scaled to the image size, the middle is kept.
    CenterCrop,
}
