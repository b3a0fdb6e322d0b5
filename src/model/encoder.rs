//! An encoder (stem, max-pooling, residual blocks, global average pooling) with its forward and backward pass.

use crate::base::Result;
use crate::model::architecture::Architecture;
use crate::model::block::{Block, BlockActivations};
use crate::model::unit::{BackwardContext, ForwardContext, IndexCounter, InputGradient, Unit, UnitActivations};
use crate::nn::{Backend, BufferPool, MaxPool};

/// The layers of an encoder; their values are in `Parameters` and `RunningStatistics`.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    stem: Unit,
    pool: Option<MaxPool>,
    blocks: Vec<Block>,
    features: usize,
    /// Values of one image's feature map before global average pooling.
    last_len: usize,
}

/// Activations of an encoder saved for the backward pass.
#[derive(Debug)]
pub(super) struct EncoderActivations<D: Backend> {
    rows: usize,
    images: D::Map,
    stem: UnitActivations<D>,
    /// The stem's output where max-pooling follows it; otherwise it is the first block's input.
    unpooled: Option<D::Map>,
    blocks: Vec<BlockActivations<D>>,
    last: D::Map,
}

impl<D: Backend> EncoderActivations<D> {
    /// Releases the buffers to the pool; the images, which are not from the pool, are freed.
    pub(super) fn release(self, buffers: &mut BufferPool<D>) {
        self.stem.release(buffers);
        if let Some(map) = self.unpooled {
            buffers.release_map(map);
        }
        for block in self.blocks {
            block.release(buffers);
        }
        buffers.release_map(self.last);
    }
}

impl Encoder {
    pub(super) fn new(architecture: &Architecture) -> Self {
        let mut indices = IndexCounter::default();
        let stem = Unit::new(&architecture.stem, &mut indices);
        let blocks = architecture.blocks.iter().filter_map(|shape| Block::new(shape, &mut indices)).collect();
        let last = architecture.blocks.last().and_then(|block| block.units.last()).unwrap_or(&architecture.stem);
        let last_len = last.convolution.output_len();
        Self { stem, pool: architecture.pool, blocks, features: architecture.features, last_len }
    }

    /// Encodes `[rows, side, side, 3]` to `[rows, features]` and saves the activations for the backward pass.
    pub(super) fn forward<D: Backend>(
        &self,
        context: &mut ForwardContext<'_, D>,
        images: D::Map,
    ) -> Result<(EncoderActivations<D>, D::Buffer)> {
        let (stem, mut map) = self.stem.forward(context, &images, None, true)?;
        let unpooled = self.max_pool(context, &mut map)?;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (saved, output) = block.forward(context, map)?;
            blocks.push(saved);
            map = output;
        }
        let features = self.average_pool(context, &map)?;
        Ok((EncoderActivations { rows: context.rows, images, stem, unpooled, blocks, last: map }, features))
    }

    /// Encodes `[rows, side, side, 3]` to `[rows, features]` without saving activations.
    pub(super) fn infer<D: Backend>(&self, context: &mut ForwardContext<'_, D>, images: D::Map) -> Result<D::Buffer> {
        let (stem, mut map) = self.stem.forward(context, &images, None, true)?;
        stem.release(context.buffers);
        drop(images);
        if let Some(unpooled) = self.max_pool(context, &mut map)? {
            context.buffers.release_map(unpooled);
        }
        for block in &self.blocks {
            let (saved, output) = block.forward(context, map)?;
            saved.release(context.buffers);
            map = output;
        }
        let features = self.average_pool(context, &map)?;
        context.buffers.release_map(map);
        Ok(features)
    }

    /// Replaces the map by its max-pooled one and returns the former; `None` without max-pooling.
    fn max_pool<D: Backend>(&self, context: &mut ForwardContext<'_, D>, map: &mut D::Map) -> Result<Option<D::Map>> {
        let Some(pool) = &self.pool else { return Ok(None) };
        let mut pooled = context.buffers.acquire_map(context.rows * pool.output_len())?;
        context.device.max_pool(pool, map, &mut pooled)?;
        Ok(Some(std::mem::replace(map, pooled)))
    }

    fn average_pool<D: Backend>(&self, context: &mut ForwardContext<'_, D>, map: &D::Map) -> Result<D::Buffer> {
        let mut features = context.buffers.acquire(context.rows * self.features)?;
        context.device.average_pool(self.features, map, context.rows, &mut features)?;
        Ok(features)
    }

    /// Backpropagates the gradient of the features, `[rows, features]`, to those of the parameters.
    pub(super) fn backward<D: Backend>(
        &self,
        device: &D,
        parameters: &mut crate::model::parameters::Parameters<D>,
        buffers: &mut BufferPool<D>,
        saved: EncoderActivations<D>,
        features_gradient: &D::Buffer,
    ) -> Result<()> {
        let rows = saved.rows;
        let mut gradient = buffers.acquire_map(rows * self.last_len)?;
        device.average_pool_gradient(self.features, features_gradient, rows, &mut gradient)?;
        let mut context = BackwardContext { device, parameters, buffers, rows };
        let mut map = saved.last;
        for (block, saved) in self.blocks.iter().zip(saved.blocks).rev() {
            (map, gradient) = block.backward(&mut context, saved, map, gradient)?;
        }
        if let (Some(pool), Some(unpooled)) = (&self.pool, saved.unpooled) {
            let mut below = context.buffers.acquire_map(context.device.map_length(&unpooled))?;
            context.device.max_pool_gradient(pool, &unpooled, &map, &gradient, &mut below)?;
            context.buffers.release_map(std::mem::replace(&mut gradient, below));
            context.buffers.release_map(std::mem::replace(&mut map, unpooled));
        }
        let images = saved.images;
        self.stem.backward(&mut context, saved.stem, &images, Some(&map), &mut gradient, InputGradient::Skip)?;
        for buffer in [map, gradient] {
            context.buffers.release_map(buffer);
        }
        Ok(())
    }
}
