//! Network keys of a pipeline file.

use crate::base::range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The encoder f: image to feature vector h.
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
    /// Width multiplier: factor on the number of channels of every layer.
    #[serde(default = "ResnetConfig::default_width", deserialize_with = "width")]
    pub width: f64,
    /// First layers.
    #[serde(default)]
    pub stem: Stem,
    /// Implementation to follow where ResNets differ.
    #[serde(default)]
    pub variant: ResnetVariant,
    /// Initialize the scale of the last batch norm of each residual block to 0, so that the block starts as the
    /// identity (Goyal et al. 2017; torchvision's option of this name, and the SimCLR code's default).
    #[serde(default, skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub zero_init_residual: bool,
    /// Weight of a batch in the running statistics of batch norm, in PyTorch's convention: `running = (1 - m) * running
    /// + m * batch`; TensorFlow's decay is `1 - m`. Default: that of the variant, 0.1 (torchvision) or 0.01 (Keras).
    #[serde(default, deserialize_with = "bn_momentum", skip_serializing_if = "Option::is_none")]
    pub bn_momentum: Option<f64>,
    /// Added to the variance in batch norm. Default: that of the variant, 1e-5 (torchvision) or 1.001e-5 (Keras).
    #[serde(default, deserialize_with = "bn_epsilon", skip_serializing_if = "Option::is_none")]
    pub bn_epsilon: Option<f64>,
}

impl ResnetConfig {
    fn default_width() -> f64 {
        1.0
    }
}

impl Default for ResnetConfig {
    fn default() -> Self {
        Self {
            width: 1.0,
            stem: Stem::default(),
            variant: ResnetVariant::default(),
            zero_init_residual: false,
            bn_momentum: None,
            bn_epsilon: None,
        }
    }
}

/// Options of the tiny encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TinyConfig {
    /// Width multiplier: factor on the number of channels of every layer.
    #[serde(default = "ResnetConfig::default_width", deserialize_with = "width")]
    pub width: f64,
    /// Initialize the scale of the last batch norm of each residual block to 0.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub zero_init_residual: bool,
    /// Weight of a batch in the running statistics of batch norm, in PyTorch's convention; default 0.1.
    #[serde(default, deserialize_with = "bn_momentum", skip_serializing_if = "Option::is_none")]
    pub bn_momentum: Option<f64>,
    /// Added to the variance in batch norm; default 1e-5.
    #[serde(default, deserialize_with = "bn_epsilon", skip_serializing_if = "Option::is_none")]
    pub bn_epsilon: Option<f64>,
}

impl Default for TinyConfig {
    fn default() -> Self {
        Self { width: 1.0, zero_init_residual: false, bn_momentum: None, bn_epsilon: None }
    }
}

impl EncoderConfig {
    /// Returns whether both have the same layers, so that one can start from the weights of the other.
    pub fn has_same_layers_as(&self, other: &Self) -> bool {
        self.layers() == other.layers()
    }

    /// Returns the same layers with the options that do not affect shapes at their defaults.
    fn layers(&self) -> Self {
        let layers = |config: &ResnetConfig| ResnetConfig {
            width: config.width,
            stem: config.stem,
            variant: config.variant,
            ..ResnetConfig::default()
        };
        match self {
            Self::Resnet18(config) => Self::Resnet18(layers(config)),
            Self::Resnet34(config) => Self::Resnet34(layers(config)),
            Self::Resnet50(config) => Self::Resnet50(layers(config)),
            Self::Tiny(config) => Self::Tiny(TinyConfig { width: config.width, ..TinyConfig::default() }),
        }
    }
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

/// ResNet implementation to follow where they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResnetVariant {
    /// Stride in the 3x3 convolution, no biases, epsilon 1e-5, running momentum 0.1, Kaiming initialization.
    #[default]
    Torchvision,
    /// Stride in the first 1x1 convolution, biases, epsilon 1.001e-5, running momentum 0.01, Glorot initialization.
    Keras,
}

/// Images over which batch norm computes its statistics in pretraining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchNorm {
    /// Over both views of the batch together, as one call of the model on 2N images does (the SimCLR code).
    #[default]
    Joint,
    /// Over each view separately, as two calls of the model do (the W&B report, many PyTorch examples): the first views
    /// are normalized with their own statistics, then the second views with theirs, and the running statistics are
    /// updated twice.
    PerView,
}

impl BatchNorm {
    /// Returns the number of groups of rows, each with its own statistics.
    pub fn groups(self) -> usize {
        match self {
            Self::Joint => 1,
            Self::PerView => 2,
        }
    }

    /// Returns whether it is the default, which is not serialized: artifacts older than this option keep their keys.
    pub(crate) fn is_joint(&self) -> bool {
        *self == Self::Joint
    }
}

/// Deserializes the sizes of linear layers, each between 1 and 65536.
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

fn bn_momentum<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    range::fraction(deserializer).map(Some)
}

fn bn_epsilon<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    range::positive(deserializer).map(Some)
}

fn is_false(option: &bool) -> bool {
    !option
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Artifact keys are hashed from this text: an option at its default must not change it.
    #[test]
    fn default_options_are_not_serialized() {
        let written = |config: EncoderConfig| serde_json::to_string(&config).unwrap();
        let resnet = r#"{"resnet18":{"width":1.0,"stem":"imagenet","variant":"torchvision"}}"#;
        assert_eq!(written(EncoderConfig::Resnet18(ResnetConfig::default())), resnet);
        assert_eq!(written(EncoderConfig::Tiny(TinyConfig::default())), r#"{"tiny":{"width":1.0}}"#);
        let head = crate::model::ProjectionConfig::from(&[128]);
        assert_eq!(serde_json::to_string(&head).unwrap(), r#"{"layers":[128]}"#);
    }

    #[test]
    fn options_that_do_not_affect_shapes_allow_loading_weights() {
        let config = |zero_init_residual, width| {
            EncoderConfig::Tiny(TinyConfig { width, zero_init_residual, ..TinyConfig::default() })
        };
        assert!(config(true, 1.0).has_same_layers_as(&config(false, 1.0)));
        assert!(!config(false, 0.5).has_same_layers_as(&config(false, 1.0)));
    }
}
