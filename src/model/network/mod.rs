//! An encoder and its head on a device.

mod encoding;
mod inference;
mod shards;
#[cfg(test)]
mod shards_tests;
pub(super) mod state_dict;
#[cfg(test)]
mod tests;
mod training;

pub use encoding::EncoderInput;
pub use inference::BatchStatistics;
pub(crate) use shards::{ForwardMode, ShardedStep};

use crate::base::{Error, Result};
use crate::model::config::{BatchNorm, EncoderConfig};
use crate::model::head::{Head, HeadValues, ProjectionConfig};
use crate::model::layers::{Encoder, IMAGE_CHANNELS};
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::model::registry::Registry;
use crate::nn::{Backend, BufferPool, Precision, Trainable};
use training::PendingPass;

/// An encoder f and a head g (a projection or a classifier) on a device.
///
/// One training step is [`Network::forward`], a loss on its output, [`Network::backward`], an optimizer step over
/// [`Network::trainables`], and [`Network::parameters_changed`].
#[derive(Debug)]
pub struct Network<D: Backend> {
    device: D,
    encoder: Encoder,
    head: Head,
    parameters: Parameters<D>,
    statistics: Vec<RunningStatistics<D>>,
    /// Copies of the head's parameters; `None` while they are out of date.
    head_values: Option<HeadValues<D>>,
    precision: Precision,
    /// Images over which batch norm computes its statistics in training.
    batch_norm: BatchNorm,
    buffers: BufferPool<D>,
    /// The last forward pass, until its backward pass.
    pending: Option<PendingPass<D>>,
}

impl<D: Backend> Network<D> {
    /// Creates a network with randomly initialized weights; those of the encoder depend on the seed alone, not on the
    /// head.
    ///
    /// `head` lists the sizes of its linear layers, with ReLU between them and none after the last, and optionally
    /// batch norm; `side` is the width and height of the images in pixels.
    ///
    /// # Errors
    /// The images are too small for the encoder, a layer of the head has 0 outputs, or the device is out of memory.
    pub fn new(
        encoder: &EncoderConfig,
        head: impl Into<ProjectionConfig>,
        side: usize,
        seed: u64,
        device: &D,
    ) -> Result<Self> {
        let mut registry = Registry::default();
        let encoder = encoder.build(side, &mut registry)?;
        let head = Head::new(&head.into(), encoder.features(), encoder.initialization, &mut registry)?;
        let statistics = registry.statistics.into_iter().map(|spec| RunningStatistics::initial(spec, device));
        Ok(Self {
            device: device.clone(),
            parameters: Parameters::new(registry.parameters, seed, device)?,
            statistics: statistics.collect::<Result<_>>()?,
            encoder,
            head,
            head_values: None,
            precision: Precision::default(),
            batch_norm: BatchNorm::default(),
            buffers: BufferPool::new(device, Precision::default()),
            pending: None,
        })
    }

    /// Returns the same network with the encoder computing in this precision; the default is f32.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, buffers: BufferPool::new(&self.device, precision), ..self }
    }

    /// Returns the same network with batch norm's statistics in training over these images; the default is joint.
    #[must_use]
    pub fn with_batch_norm(self, batch_norm: BatchNorm) -> Self {
        Self { batch_norm, ..self }
    }

    /// Returns the number of features by depth: of the encoder, then of each layer of the head.
    pub fn widths(&self) -> Vec<usize> {
        std::iter::once(self.encoder.features()).chain(self.head.widths()).collect()
    }

    /// Returns every parameter with its gradient, in a fixed order.
    pub fn trainables(&mut self) -> Vec<Trainable<'_, D::Buffer>> {
        let Parameters { specs, values, gradients } = &mut self.parameters;
        let pairs = values.iter_mut().zip(gradients);
        pairs.zip(specs).map(|((values, gradient), spec)| Trainable { values, gradient, role: spec.role }).collect()
    }

    /// Discards the copies of parameters; call it after writing parameters.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn parameters_changed(&mut self) -> Result<()> {
        self.head_values = None;
        Ok(())
    }

    /// Returns the device of the network.
    pub fn device(&self) -> &D {
        &self.device
    }

    fn head_values(&mut self) -> Result<&HeadValues<D>> {
        let values = match self.head_values.take() {
            Some(values) => values,
            None => self.head.values(&self.parameters, &self.device)?,
        };
        Ok(self.head_values.insert(values))
    }

    fn image_len(&self) -> usize {
        self.encoder.side * self.encoder.side * IMAGE_CHANNELS
    }

    fn check_images(&self, length: usize, rows: usize) -> Result<()> {
        if rows > 0 && length == rows * self.image_len() {
            return Ok(());
        }
        let side = self.encoder.side;
        Err(Error::bug(format!("{rows} images of {side}x{side} pixels cannot have {length} values")))
    }
}
