//! Shapes of the layers of each encoder, from which networks are built and summaries are counted.
//!
//! ResNet: He, Zhang, Ren & Sun 2015 (arXiv 1512.03385), as in torchvision (stride in the 3x3 convolution of a
//! bottleneck) or in Keras Applications (stride in its first 1x1 convolution, biases). Keras has no ResNet-18 or -34;
//! their Keras variant is the basic block with biases and Keras's constants.

use crate::base::Result;
use crate::model::config::{EncoderConfig, ResnetConfig, ResnetVariant, Stem};
use crate::nn::{Convolution, MaxPool};

/// Number of channels of an image.
pub(super) const IMAGE_CHANNELS: usize = 3;

/// All layers of an encoder.
#[derive(Clone, Debug)]
pub(super) struct Architecture {
    pub(super) stem: UnitShape,
    pub(super) pool: Option<MaxPool>,
    pub(super) blocks: Vec<BlockShape>,
    /// Number of features after global average pooling.
    pub(super) features: usize,
    pub(super) variant: ResnetVariant,
    /// Added to the variance in batch norm.
    pub(super) epsilon: f32,
    /// Weight of a batch in the running statistics.
    pub(super) momentum: f32,
}

/// A residual block: a sequence of units, and a projection shortcut where the shapes differ.
#[derive(Clone, Debug)]
pub(super) struct BlockShape {
    pub(super) units: Vec<UnitShape>,
    pub(super) shortcut: Option<UnitShape>,
}

/// A convolution followed by batch norm.
#[derive(Clone, Debug)]
pub(super) struct UnitShape {
    /// Name of the convolution in torchvision.
    pub(super) convolution_name: String,
    /// Name of the batch norm in torchvision.
    pub(super) norm_name: String,
    pub(super) convolution: Convolution,
    pub(super) bias: bool,
    /// Initial scale of batch norm.
    pub(super) initial_scale: f32,
}

/// The two kinds of residual block.
#[derive(Clone, Copy, PartialEq)]
enum BlockKind {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3, 1x1 with four times the channels.
    Bottleneck,
}

impl BlockKind {
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// Number of blocks, channels (at width 1) and stride of one stage.
type StageSpec = (usize, usize, usize);

/// Three blocks for images of about 32 pixels (9 million MACs at that size). The stem and the first block downsample,
/// so that the wide layers work on 8x8 and 4x4 pixels.
const TINY_STAGES: [StageSpec; 3] = [(1, 32, 2), (1, 64, 1), (1, 128, 2)];

impl Architecture {
    /// Returns the layers of an encoder for images of `side` x `side` pixels.
    ///
    /// # Errors
    /// The images are too small for the layers.
    pub(super) fn new(encoder: &EncoderConfig, side: usize) -> Result<Self> {
        match encoder {
            EncoderConfig::Resnet18(config) => resnet(config, BlockKind::Basic, [2, 2, 2, 2], side),
            EncoderConfig::Resnet34(config) => resnet(config, BlockKind::Basic, [3, 4, 6, 3], side),
            EncoderConfig::Resnet50(config) => resnet(config, BlockKind::Bottleneck, [3, 4, 6, 3], side),
            EncoderConfig::Tiny(config) => {
                let stem = Convolution { inputs: IMAGE_CHANNELS, outputs: 32, kernel: 3, stride: 2, padding: 1, side };
                let builder = Builder {
                    width: config.width,
                    variant: ResnetVariant::Torchvision,
                    kind: BlockKind::Basic,
                    last_scale: last_scale(config.zero_init_residual),
                    momentum: config.bn_momentum,
                    epsilon: config.bn_epsilon,
                };
                builder.build(stem, false, &TINY_STAGES)
            }
        }
    }

    /// Returns every unit in torchvision's order: of each block its units, then its shortcut.
    pub(super) fn units(&self) -> impl Iterator<Item = &UnitShape> {
        let blocks = self.blocks.iter().flat_map(|block| block.units.iter().chain(&block.shortcut));
        std::iter::once(&self.stem).chain(blocks)
    }
}

fn resnet(config: &ResnetConfig, kind: BlockKind, depths: [usize; 4], side: usize) -> Result<Architecture> {
    let (kernel, stride, padding) = match config.stem {
        Stem::Imagenet => (7, 2, 3),
        Stem::Cifar => (3, 1, 1),
    };
    let stem = Convolution { inputs: IMAGE_CHANNELS, outputs: 64, kernel, stride, padding, side };
    let [first, second, third, fourth] = depths;
    let stages = [(first, 64, 1), (second, 128, 2), (third, 256, 2), (fourth, 512, 2)];
    let builder = Builder {
        width: config.width,
        variant: config.variant,
        kind,
        last_scale: last_scale(config.zero_init_residual),
        momentum: config.bn_momentum,
        epsilon: config.bn_epsilon,
    };
    builder.build(stem, config.stem == Stem::Imagenet, &stages)
}

/// Returns the initial scale of the last batch norm of a block.
fn last_scale(zero_init_residual: bool) -> f32 {
    if zero_init_residual { 0.0 } else { 1.0 }
}

struct Builder {
    width: f64,
    variant: ResnetVariant,
    kind: BlockKind,
    /// Initial scale of the last batch norm of each block.
    last_scale: f32,
    /// Batch norm options that override those of the variant.
    momentum: Option<f64>,
    epsilon: Option<f64>,
}

impl Builder {
    fn build(&self, stem: Convolution, pooled: bool, stages: &[StageSpec]) -> Result<Architecture> {
        let stem = self.unit("conv1", "bn1", Convolution { outputs: self.channels(stem.outputs), ..stem })?;
        let (mut channels, mut side) = (stem.convolution.outputs, stem.convolution.output_side());
        let pool = pooled.then_some(MaxPool { channels, kernel: 3, stride: 2, padding: 1, side });
        if let Some(pool) = &pool {
            pool.check()?;
            side = pool.output_side();
        }
        let mut blocks = Vec::new();
        for (stage, (depth, outputs, stride)) in stages.iter().enumerate() {
            for block in 0..*depth {
                let name = format!("layer{}.{block}", stage + 1);
                let stride = if block == 0 { *stride } else { 1 };
                let block = self.block(&name, channels, self.channels(*outputs), stride, side)?;
                if let Some(last) = block.units.last() {
                    (channels, side) = (last.convolution.outputs, last.convolution.output_side());
                }
                blocks.push(block);
            }
        }
        let (epsilon, momentum) = match self.variant {
            ResnetVariant::Torchvision => (1e-5, 0.1),
            ResnetVariant::Keras => (1.001e-5, 0.01),
        };
        let epsilon = self.epsilon.map_or(epsilon, |epsilon| epsilon as f32);
        let momentum = self.momentum.map_or(momentum, |momentum| momentum as f32);
        Ok(Architecture { stem, pool, blocks, features: channels, variant: self.variant, epsilon, momentum })
    }

    /// Returns the number of channels at this width: the nearest integer, at least 1.
    fn channels(&self, at_width_1: usize) -> usize {
        ((at_width_1 as f64 * self.width).round() as usize).max(1)
    }

    fn block(&self, name: &str, inputs: usize, channels: usize, stride: usize, side: usize) -> Result<BlockShape> {
        // (kernel, stride, outputs) of each convolution
        let wide = channels * self.kind.expansion();
        let layers = match (self.kind, self.variant) {
            (BlockKind::Basic, _) => vec![(3, stride, channels), (3, 1, channels)],
            (BlockKind::Bottleneck, ResnetVariant::Torchvision) => {
                vec![(1, 1, channels), (3, stride, channels), (1, 1, wide)]
            }
            (BlockKind::Bottleneck, ResnetVariant::Keras) => {
                vec![(1, stride, channels), (3, 1, channels), (1, 1, wide)]
            }
        };
        let mut units = Vec::new();
        let (mut from, mut at) = (inputs, side);
        for (i, (kernel, stride, outputs)) in layers.into_iter().enumerate() {
            let shape = Convolution { inputs: from, outputs, kernel, stride, padding: kernel / 2, side: at };
            let unit = self.unit(&format!("{name}.conv{}", i + 1), &format!("{name}.bn{}", i + 1), shape)?;
            (from, at) = (outputs, shape.output_side());
            units.push(unit);
        }
        if let Some(last) = units.last_mut() {
            last.initial_scale = self.last_scale;
        }
        let projection = Convolution { inputs, outputs: wide, kernel: 1, stride, padding: 0, side };
        let shortcut = if stride != 1 || inputs != wide {
            Some(self.unit(&format!("{name}.downsample.0"), &format!("{name}.downsample.1"), projection)?)
        } else {
            None
        };
        Ok(BlockShape { units, shortcut })
    }

    fn unit(&self, convolution_name: &str, norm_name: &str, convolution: Convolution) -> Result<UnitShape> {
        convolution.check()?;
        Ok(UnitShape {
            convolution_name: convolution_name.to_owned(),
            norm_name: norm_name.to_owned(),
            convolution,
            bias: self.variant == ResnetVariant::Keras,
            initial_scale: 1.0,
        })
    }
}
