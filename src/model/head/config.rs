//! The projection head in a pipeline file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The projection head g: feature vector h to the vector z that the loss sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectionConfig {
    /// Output sizes of the linear layers, with ReLU between them: `[]` no head, `[128]` linear, `[256, 128, 50]` as in
    /// the W&B report.
    #[schemars(inner(range(min = 1, max = 65536)))]
    pub layers: Vec<usize>,
    /// Layers followed by batch norm, which has the encoder's momentum and epsilon.
    #[serde(default, skip_serializing_if = "HeadNorm::is_none")]
    #[schemars(extend("default" = "none"))]
    pub batch_norm: HeadNorm,
}

/// Layers of the head followed by batch norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeadNorm {
    /// None: linear layers with biases and ReLU (the paper's formula).
    #[default]
    None,
    /// All but the last, between linear layer and ReLU; these linear layers have no bias.
    Hidden,
    /// All, as in the SimCLR code: no linear layer has a bias, and the last batch norm has no shift.
    All,
}

impl HeadNorm {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl ProjectionConfig {
    /// Returns whether batch norm follows the linear layer with this index.
    pub(crate) fn has_norm(&self, layer: usize) -> bool {
        match self.batch_norm {
            HeadNorm::None => false,
            HeadNorm::Hidden => !self.is_last(layer),
            HeadNorm::All => true,
        }
    }

    /// Returns whether the layer is the head's output, which has no ReLU.
    pub(crate) fn is_last(&self, layer: usize) -> bool {
        layer + 1 == self.layers.len()
    }
}

/// Linear layers with ReLU between them, without batch norm.
impl From<&[usize]> for ProjectionConfig {
    fn from(layers: &[usize]) -> Self {
        Self { layers: layers.to_vec(), batch_norm: HeadNorm::None }
    }
}

impl From<&Vec<usize>> for ProjectionConfig {
    fn from(layers: &Vec<usize>) -> Self {
        layers.as_slice().into()
    }
}

impl<const LAYERS: usize> From<&[usize; LAYERS]> for ProjectionConfig {
    fn from(layers: &[usize; LAYERS]) -> Self {
        layers.as_slice().into()
    }
}

impl From<&Self> for ProjectionConfig {
    fn from(head: &Self) -> Self {
        head.clone()
    }
}
