//! A small residual encoder for the CPU.

use crate::base::Result;
use crate::model::form::{EncoderKind, Form};
use crate::model::initializer::Initialization;
use crate::model::layers::{BlockKind, Encoder, EncoderBuilder, NormConstants, ResidualOptions};
use crate::model::registry::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of the tiny encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TinyConfig {
    /// Width multiplier: factor on the number of channels of every layer.
    #[schemars(range(min = 0.05, max = 8))]
    pub width: f64,
    /// Initialize the scale of the last batch norm of each residual block to 0.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub zero_init_residual: bool,
    /// Weight of a batch in the running statistics of batch norm, in PyTorch's convention; default 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub bn_momentum: Option<f64>,
    /// Added to the variance in batch norm; default 1e-5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub bn_epsilon: Option<f64>,
}

impl Default for TinyConfig {
    fn default() -> Self {
        Self { width: 1.0, zero_init_residual: false, bn_momentum: None, bn_epsilon: None }
    }
}

impl EncoderKind for TinyConfig {
    const FORMS: &'static [Form<Self>] = &[Form {
        name: "tiny",
        meaning: "A small residual network for the CPU: three basic blocks, 128 features at width 1.",
        preset: None,
    }];

    /// Returns three blocks for images of about 32 pixels (9 million MACs at that size). The stem and the first block
    /// downsample, so that the wide layers work on 8x8 and 4x4 pixels.
    fn build(&self, side: usize, registry: &mut Registry) -> Result<Encoder> {
        let options = ResidualOptions {
            width: self.width,
            bias: false,
            stride_in_first: false,
            zero_init_residual: self.zero_init_residual,
            initialization: Initialization::Torchvision,
            norm: NormConstants {
                epsilon: self.bn_epsilon.map_or(1e-5, |epsilon| epsilon as f32),
                momentum: self.bn_momentum.map_or(0.1, |momentum| momentum as f32),
            },
        };
        let mut layers = EncoderBuilder::new((32, 3, 2), side, options, registry)?;
        layers.stage(BlockKind::Basic, 1, 32, 2)?;
        layers.stage(BlockKind::Basic, 1, 64, 1)?;
        layers.stage(BlockKind::Basic, 1, 128, 2)?;
        Ok(layers.global_average())
    }

    fn shapes(&self) -> Self {
        Self { width: self.width, ..Self::default() }
    }
}
