//! What a pipeline file says of networks.

use crate::base::range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The encoder f: picture to feature vector h.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncoderConfig {
    /// ResNet-18 (He et al. 2015): 512 features at width 1.
    Resnet18(ResnetConfig),
    /// ResNet-34: 512 features at width 1.
    Resnet34(ResnetConfig),
    /// ResNet-50: 2048 features at width 1.
    Resnet50(ResnetConfig),
    /// A small residual network for the CPU: three basic blocks, 128 features at width 1.
    Tiny(TinyConfig),
}

/// Options of the ResNet encoders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResnetConfig {
    /// Factor on the number of channels of every layer.
    #[serde(default = "ResnetConfig::default_width", deserialize_with = "width")]
    pub width: f64,
    /// First layers.
    #[serde(default)]
    pub stem: Stem,
    /// Whose details are followed.
    #[serde(default)]
    pub flavour: Flavour,
}

impl ResnetConfig {
    fn default_width() -> f64 {
        1.0
    }
}

impl Default for ResnetConfig {
    fn default() -> Self {
        Self { width: 1.0, stem: Stem::default(), flavour: Flavour::default() }
    }
}

/// Options of the tiny encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TinyConfig {
    /// Factor on the number of channels of every layer.
    #[serde(default = "ResnetConfig::default_width", deserialize_with = "width")]
    pub width: f64,
}

/// First layers of a ResNet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stem {
    /// 7x7 convolution with stride 2, then 3x3 max-pooling with stride 2.
    #[default]
    Imagenet,
    /// 3x3 convolution with stride 1, no pooling (SimCLR, appendix B.9).
    Cifar,
}

/// Whose ResNet is followed where implementations differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// Stride in the 3x3 convolution, no biases, epsilon 1e-5, running momentum 0.1, Kaiming initialisation.
    #[default]
    Torchvision,
    /// Stride in the first 1x1 convolution, biases, epsilon 1.001e-5, running momentum 0.01, Glorot initialisation.
    Keras,
}

/// The projection head g: feature vector h to the vector z that the loss sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectionConfig {
    /// Outputs of each linear layer, ReLU between them: `[]` no head, `[128]` linear, `[256, 128, 50]` as in the report.
    #[serde(deserialize_with = "layer_sizes")]
    pub layers: Vec<usize>,
}

/// Outputs of linear layers, each 1 to 65536.
pub(crate) fn layer_sizes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    let sizes = Vec::<usize>::deserialize(deserializer)?;
    match sizes.iter().find(|size| !(1..=65_536).contains(*size)) {
        None => Ok(sizes),
        Some(size) => Err(serde::de::Error::custom(format!("layer sizes must be between 1 and 65536, got {size}"))),
    }
}

fn width<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    range::checked(deserializer, "between 0.05 and 8", |w| (0.05..=8.0).contains(&w))
}
