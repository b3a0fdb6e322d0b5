//! An encoder: stem, pool, residual blocks, global average; forward with a trace, and back along it.

use crate::base::Result;
use crate::model::architecture::Architecture;
use crate::model::block::{Block, BlockTrace};
use crate::model::unit::{InputGradient, Pass, PassBack, Places, Unit, UnitTrace};
use crate::nn::{Backend, BufferPool, MaxPool};

/// The layers of an encoder; the numbers are in `Parameters` and `Statistics`.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    stem: Unit,
    pool: Option<MaxPool>,
    blocks: Vec<Block>,
    features: usize,
    /// Numbers in the map before the global average.
    last_len: usize,
}

/// What a forward pass leaves for the way back.
#[derive(Debug)]
pub(super) struct Trace<D: Backend> {
    rows: usize,
    images: D::Map,
    stem: UnitTrace<D>,
    /// The stem's output where a pool follows it (else it is the first block's input).
    unpooled: Option<D::Map>,
    blocks: Vec<BlockTrace<D>>,
    last: D::Map,
}

impl<D: Backend> Trace<D> {
    /// Gives the buffers back unused; the images, which came from outside, are freed.
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
        let mut places = Places::default();
        let stem = Unit::new(&architecture.stem, &mut places);
        let blocks = architecture.blocks.iter().filter_map(|shape| Block::new(shape, &mut places)).collect();
        let last = architecture.blocks.last().and_then(|block| block.units.last()).unwrap_or(&architecture.stem);
        let last_len = last.convolution.output_len();
        Self { stem, pool: architecture.pool, blocks, features: architecture.features, last_len }
    }

    /// `[rows, side, side, 3]` to `[rows, features]`, with a trace.
    pub(super) fn forward<D: Backend>(&self, pass: &mut Pass<'_, D>, images: D::Map) -> Result<(Trace<D>, D::Buffer)> {
        let (stem, mut map) = self.stem.forward(pass, &images, None, true)?;
        let unpooled = self.pooled(pass, &mut map)?;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (trace, output) = block.forward(pass, map)?;
            blocks.push(trace);
            map = output;
        }
        let features = self.average(pass, &map)?;
        Ok((Trace { rows: pass.rows, images, stem, unpooled, blocks, last: map }, features))
    }

    /// `[rows, side, side, 3]` to `[rows, features]`, keeping nothing.
    pub(super) fn infer<D: Backend>(&self, pass: &mut Pass<'_, D>, images: D::Map) -> Result<D::Buffer> {
        let (stem, mut map) = self.stem.forward(pass, &images, None, true)?;
        stem.release(pass.buffers);
        drop(images);
        if let Some(unpooled) = self.pooled(pass, &mut map)? {
            pass.buffers.release_map(unpooled);
        }
        for block in &self.blocks {
            let (trace, output) = block.forward(pass, map)?;
            trace.release(pass.buffers);
            map = output;
        }
        let features = self.average(pass, &map)?;
        pass.buffers.release_map(map);
        Ok(features)
    }

    /// Pools the map in place; gives what it was if there is a pool.
    fn pooled<D: Backend>(&self, pass: &mut Pass<'_, D>, map: &mut D::Map) -> Result<Option<D::Map>> {
        let Some(pool) = &self.pool else { return Ok(None) };
        let mut pooled = pass.buffers.acquire_map(pass.rows * pool.output_len())?;
        pass.device.max_pool(pool, map, &mut pooled)?;
        Ok(Some(std::mem::replace(map, pooled)))
    }

    fn average<D: Backend>(&self, pass: &mut Pass<'_, D>, map: &D::Map) -> Result<D::Buffer> {
        let mut features = pass.buffers.acquire(pass.rows * self.features)?;
        pass.device.average_pool(self.features, map, pass.rows, &mut features)?;
        Ok(features)
    }

    /// From the gradient of the features to those of the parameters.
    pub(super) fn backward<D: Backend>(
        &self,
        device: &D,
        parameters: &mut crate::model::parameters::Parameters<D>,
        buffers: &mut BufferPool<D>,
        trace: Trace<D>,
        features_gradient: &D::Buffer,
    ) -> Result<()> {
        let rows = trace.rows;
        let mut gradient = buffers.acquire_map(rows * self.last_len)?;
        device.average_pool_gradient(self.features, features_gradient, rows, &mut gradient)?;
        let mut pass = PassBack { device, parameters, buffers, rows };
        let mut map = trace.last;
        for (block, trace) in self.blocks.iter().zip(trace.blocks).rev() {
            (map, gradient) = block.backward(&mut pass, trace, map, gradient)?;
        }
        if let (Some(pool), Some(unpooled)) = (&self.pool, trace.unpooled) {
            let mut below = pass.buffers.acquire_map(pass.device.map_length(&unpooled))?;
            pass.device.max_pool_gradient(pool, &unpooled, &map, &gradient, &mut below)?;
            pass.buffers.release_map(std::mem::replace(&mut gradient, below));
            pass.buffers.release_map(std::mem::replace(&mut map, unpooled));
        }
        let images = trace.images;
        self.stem.backward(&mut pass, trace.stem, &images, Some(&map), &mut gradient, InputGradient::Unwanted)?;
        for buffer in [map, gradient] {
            pass.buffers.release_map(buffer);
        }
        Ok(())
    }
}
