//! The ResNet encoders (He, Zhang, Ren & Sun 2015, arXiv 1512.03385).

use crate::base::Result;
use crate::model::config::EncoderConfig;
use crate::model::form::{EncoderKind, Form};
use crate::model::initializer::Initialization;
use crate::model::layers::{BlockKind, Encoder, EncoderBuilder, NormConstants, ResidualOptions};
use crate::model::registry::Registry;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Options of the ResNet encoders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResnetConfig {
    /// Number of convolutions and linear layers in the paper's count: 18, 34, 50, 101 or 152. At width 1, depths 18 and
    /// 34 have 512 features, the others 2048. Not a key of `resnet18`, `resnet34` and `resnet50`, whose names set it.
    #[serde(skip_serializing_if = "Depth::has_short_form")]
    #[schemars(extend("default" = 50))]
    pub depth: Depth,
    /// Width multiplier: factor on the number of channels of every layer.
    #[schemars(range(min = 0.05, max = 8))]
    pub width: f64,
    /// First layers.
    pub stem: Stem,
    /// Implementation to follow where ResNets differ.
    pub variant: ResnetVariant,
    /// Initialize the scale of the last batch norm of each residual block to 0, so that the block starts as the
    /// identity (Goyal et al. 2017; torchvision's option of this name, and the SimCLR code's default).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub zero_init_residual: bool,
    /// Weight of a batch in the running statistics of batch norm, in PyTorch's convention: `running = (1 - m) * running
    /// + m * batch`; TensorFlow's decay is `1 - m`. Default: that of the variant, 0.1 (torchvision) or 0.01 (Keras).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub bn_momentum: Option<f64>,
    /// Added to the variance in batch norm. Default: that of the variant, 1e-5 (torchvision) or 1.001e-5 (Keras).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub bn_epsilon: Option<f64>,
}

impl Default for ResnetConfig {
    fn default() -> Self {
        Self {
            depth: Depth::default(),
            width: 1.0,
            stem: Stem::default(),
            variant: ResnetVariant::default(),
            zero_init_residual: false,
            bn_momentum: None,
            bn_epsilon: None,
        }
    }
}

/// Depth of a ResNet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub enum Depth {
    /// 18 layers in basic blocks.
    D18,
    /// 34 layers in basic blocks.
    D34,
    /// 50 layers in bottlenecks, the paper's encoder.
    #[default]
    D50,
    /// 101 layers in bottlenecks.
    D101,
    /// 152 layers in bottlenecks.
    D152,
}

impl Depth {
    const ALL: [Self; 5] = [Self::D18, Self::D34, Self::D50, Self::D101, Self::D152];

    /// Returns the kind of the blocks and their number in each of the four stages.
    fn blocks(self) -> (BlockKind, [usize; 4]) {
        match self {
            Self::D18 => (BlockKind::Basic, [2, 2, 2, 2]),
            Self::D34 => (BlockKind::Basic, [3, 4, 6, 3]),
            Self::D50 => (BlockKind::Bottleneck, [3, 4, 6, 3]),
            Self::D101 => (BlockKind::Bottleneck, [3, 4, 23, 3]),
            Self::D152 => (BlockKind::Bottleneck, [3, 8, 36, 3]),
        }
    }

    /// Returns whether a short form names the depth, which is then not serialized.
    fn has_short_form(&self) -> bool {
        matches!(self, Self::D18 | Self::D34 | Self::D50)
    }
}

impl From<Depth> for u64 {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::D18 => 18,
            Depth::D34 => 34,
            Depth::D50 => 50,
            Depth::D101 => 101,
            Depth::D152 => 152,
        }
    }
}

impl TryFrom<u64> for Depth {
    type Error = String;

    fn try_from(number: u64) -> std::result::Result<Self, String> {
        let depth = Self::ALL.into_iter().find(|depth| u64::from(*depth) == number);
        depth.ok_or_else(|| format!("must be 18, 34, 50, 101 or 152, got {number}"))
    }
}

impl JsonSchema for Depth {
    fn schema_name() -> Cow<'static, str> {
        "Depth".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": Self::ALL.map(u64::from), "minimum": 18, "maximum": 152 })
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

impl EncoderKind for ResnetConfig {
    const FORMS: &'static [Form<Self>] = &[
        Form {
            name: "resnet",
            meaning: "ResNet of any `depth` (He et al. 2015): 512 features at depths 18 and 34, 2048 at 50, 101 and \
                      152, times `width`.",
            preset: None,
        },
        Form {
            name: "resnet18",
            meaning: "Short for `resnet` with `depth = 18`: 512 features at width 1.",
            preset: Some(("depth", |config| Self { depth: Depth::D18, ..config })),
        },
        Form {
            name: "resnet34",
            meaning: "Short for `resnet` with `depth = 34`: 512 features at width 1.",
            preset: Some(("depth", |config| Self { depth: Depth::D34, ..config })),
        },
        Form {
            name: "resnet50",
            meaning: "Short for `resnet` with `depth = 50`: 2048 features at width 1.",
            preset: Some(("depth", |config| Self { depth: Depth::D50, ..config })),
        },
    ];

    fn serialized_form(&self) -> &'static str {
        match self.depth {
            Depth::D18 => "resnet18",
            Depth::D34 => "resnet34",
            Depth::D50 => "resnet50",
            Depth::D101 | Depth::D152 => "resnet",
        }
    }

    fn build(&self, side: usize, registry: &mut Registry) -> Result<Encoder> {
        let stem = match self.stem {
            Stem::Imagenet => (64, 7, 2),
            Stem::Cifar => (64, 3, 1),
        };
        let (kind, [first, second, third, fourth]) = self.depth.blocks();
        let mut layers = EncoderBuilder::new(stem, side, self.options(), registry)?;
        if self.stem == Stem::Imagenet {
            layers.max_pool()?;
        }
        layers.stage(kind, first, 64, 1)?;
        layers.stage(kind, second, 128, 2)?;
        layers.stage(kind, third, 256, 2)?;
        layers.stage(kind, fourth, 512, 2)?;
        Ok(layers.global_average())
    }

    fn shapes(&self) -> Self {
        let Self { depth, width, stem, variant, .. } = *self;
        Self { depth, width, stem, variant, ..Self::default() }
    }
}

impl ResnetConfig {
    fn options(&self) -> ResidualOptions {
        let is_keras = self.variant == ResnetVariant::Keras;
        let (epsilon, momentum, initialization) = match self.variant {
            ResnetVariant::Torchvision => (1e-5, 0.1, Initialization::Torchvision),
            ResnetVariant::Keras => (1.001e-5, 0.01, Initialization::Keras),
        };
        ResidualOptions {
            width: self.width,
            bias: is_keras,
            stride_in_first: is_keras,
            zero_init_residual: self.zero_init_residual,
            initialization,
            norm: NormConstants {
                epsilon: self.bn_epsilon.map_or(epsilon, |epsilon| epsilon as f32),
                momentum: self.bn_momentum.map_or(momentum, |momentum| momentum as f32),
            },
        }
    }
}

/// The short forms, named as in pipeline files.
#[expect(non_snake_case, reason = "named like the variants of an enum, which they are in pipeline files")]
impl EncoderConfig {
    /// Returns a ResNet-18 with these options.
    pub fn Resnet18(config: ResnetConfig) -> Self {
        Self::Resnet(ResnetConfig { depth: Depth::D18, ..config })
    }

    /// Returns a ResNet-34 with these options.
    pub fn Resnet34(config: ResnetConfig) -> Self {
        Self::Resnet(ResnetConfig { depth: Depth::D34, ..config })
    }

    /// Returns a ResNet-50 with these options.
    pub fn Resnet50(config: ResnetConfig) -> Self {
        Self::Resnet(ResnetConfig { depth: Depth::D50, ..config })
    }
}
