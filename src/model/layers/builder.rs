//! Builds encoders of residual blocks layer by layer, with torchvision's names.
//!
//! ResNet: He, Zhang, Ren & Sun 2015 (arXiv 1512.03385), as in torchvision (stride in the 3x3 convolution of a
//! bottleneck) or in Keras Applications (stride in its first 1x1 convolution, biases). Keras has no ResNet-18 or -34;
//! their Keras variant is the basic block with biases and Keras's constants.

use crate::base::Result;
use crate::model::initializer::Initialization;
use crate::model::layers::encoder::{Encoder, IMAGE_CHANNELS, NormConstants};
use crate::model::layers::global_average::GlobalAverage;
use crate::model::layers::unit::{Unit, UnitSpec};
use crate::model::layers::{Layer, MaxPoolLayer, Residual};
use crate::model::registry::Registry;
use crate::nn::{Convolution, MaxPool};

/// The two kinds of residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum BlockKind {
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

/// Options of all layers of an encoder of residual blocks.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct ResidualOptions {
    /// Factor on the number of channels of every layer.
    pub(in crate::model) width: f64,
    /// Whether convolutions have biases.
    pub(in crate::model) bias: bool,
    /// Whether a bottleneck has its stride in the first 1x1 convolution, not in the 3x3 one.
    pub(in crate::model) stride_in_first: bool,
    /// Whether the scale of the last batch norm of each block starts at 0.
    pub(in crate::model) zero_init_residual: bool,
    pub(in crate::model) initialization: Initialization,
    pub(in crate::model) norm: NormConstants,
}

/// An encoder under construction.
pub(in crate::model) struct EncoderBuilder<'a> {
    options: ResidualOptions,
    registry: &'a mut Registry,
    stem: Unit,
    layers: Vec<Layer>,
    /// Channels and side of the last layer's output.
    channels: usize,
    side: usize,
    stages: usize,
}

impl<'a> EncoderBuilder<'a> {
    /// Starts with a stem, a `kernel` x `kernel` convolution on images of `side` x `side` pixels. Numbers of channels
    /// here and below are those at width 1.
    ///
    /// # Errors
    /// The images are smaller than the window.
    pub(in crate::model) fn new(
        (channels, kernel, stride): (usize, usize, usize),
        side: usize,
        options: ResidualOptions,
        registry: &'a mut Registry,
    ) -> Result<Self> {
        let outputs = options.channels(channels);
        let convolution = Convolution { inputs: IMAGE_CHANNELS, outputs, kernel, stride, padding: kernel / 2, side };
        let stem = unit("conv1", "bn1", convolution, 1.0, &options, registry)?;
        let side = convolution.output_side();
        Ok(Self { options, registry, stem, layers: Vec::new(), channels: outputs, side, stages: 0 })
    }

    /// Adds max-pooling over 3x3 windows with stride 2.
    ///
    /// # Errors
    /// The maps are smaller than the window.
    pub(in crate::model) fn max_pool(&mut self) -> Result<()> {
        let shape = MaxPool { channels: self.channels, kernel: 3, stride: 2, padding: 1, side: self.side };
        self.layers.push(Layer::MaxPool(MaxPoolLayer::new("maxpool", shape, self.registry)?));
        self.side = shape.output_side();
        Ok(())
    }

    /// Adds a stage of residual blocks, the first of which has the stride.
    ///
    /// # Errors
    /// The maps are smaller than a window.
    pub(in crate::model) fn stage(
        &mut self,
        kind: BlockKind,
        blocks: usize,
        channels: usize,
        stride: usize,
    ) -> Result<()> {
        self.stages += 1;
        for block in 0..blocks {
            let name = format!("layer{}.{block}", self.stages);
            self.block(&name, kind, self.options.channels(channels), if block == 0 { stride } else { 1 })?;
        }
        Ok(())
    }

    /// Ends with global average pooling.
    pub(in crate::model) fn global_average(self) -> Encoder {
        let Self { options, registry, stem, layers, channels, side, .. } = self;
        Encoder {
            side: stem.convolution.side,
            average: GlobalAverage::new("avgpool", channels, side, registry),
            norm: options.norm,
            initialization: options.initialization,
            stem,
            layers,
        }
    }

    fn block(&mut self, name: &str, kind: BlockKind, channels: usize, stride: usize) -> Result<()> {
        let (inputs, side, wide) = (self.channels, self.side, channels * kind.expansion());
        // The last batch norm of the block scales what is added to the shortcut.
        let last_scale = if self.options.zero_init_residual { 0.0 } else { 1.0 };
        let (first, middle, last) = match kind {
            BlockKind::Basic => {
                (self.unit(name, 1, (3, stride, channels), 1.0)?, vec![], self.unit(name, 2, (3, 1, wide), last_scale)?)
            }
            BlockKind::Bottleneck => {
                let strides = if self.options.stride_in_first { (stride, 1) } else { (1, stride) };
                let first = self.unit(name, 1, (1, strides.0, channels), 1.0)?;
                let middle = vec![self.unit(name, 2, (3, strides.1, channels), 1.0)?];
                (first, middle, self.unit(name, 3, (1, 1, wide), last_scale)?)
            }
        };
        let projection = Convolution { inputs, outputs: wide, kernel: 1, stride, padding: 0, side };
        let names = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
        let shortcut = (stride != 1 || inputs != wide)
            .then(|| unit(&names.0, &names.1, projection, 1.0, &self.options, self.registry))
            .transpose()?;
        self.layers.push(Layer::Residual(Residual { first, middle, last, shortcut }));
        Ok(())
    }

    /// Creates a unit of a block after the last one.
    fn unit(
        &mut self,
        block: &str,
        index: usize,
        (kernel, stride, outputs): (usize, usize, usize),
        initial_scale: f32,
    ) -> Result<Unit> {
        let (inputs, side) = (self.channels, self.side);
        let convolution = Convolution { inputs, outputs, kernel, stride, padding: kernel / 2, side };
        let (name, norm_name) = (format!("{block}.conv{index}"), format!("{block}.bn{index}"));
        let unit = unit(&name, &norm_name, convolution, initial_scale, &self.options, self.registry)?;
        (self.channels, self.side) = (outputs, convolution.output_side());
        Ok(unit)
    }
}

impl ResidualOptions {
    /// Returns the number of channels at this width: the nearest integer, at least 1.
    fn channels(&self, at_width_1: usize) -> usize {
        ((at_width_1 as f64 * self.width).round() as usize).max(1)
    }
}

fn unit(
    convolution_name: &str,
    norm_name: &str,
    convolution: Convolution,
    initial_scale: f32,
    options: &ResidualOptions,
    registry: &mut Registry,
) -> Result<Unit> {
    let ResidualOptions { bias, initialization, norm, .. } = *options;
    Unit::new(
        &UnitSpec { convolution_name, norm_name, convolution, bias, initial_scale, initialization, norm },
        registry,
    )
}
