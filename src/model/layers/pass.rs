//! What the layers of an encoder share during a forward or a backward pass.

use crate::base::{Error, Result};
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::nn::{Backend, BufferPool};

/// Inputs and buffers of a forward pass.
pub(in crate::model) struct ForwardPass<'a, D: Backend> {
    pub(in crate::model) device: &'a D,
    pub(in crate::model) parameters: &'a Parameters<D>,
    pub(in crate::model) statistics: NormStatistics<'a, D>,
    pub(in crate::model) buffers: &'a mut BufferPool<D>,
    /// Activations for the backward pass; `None` in inference, where they are released at once.
    pub(in crate::model) saved: Option<SavedActivations<D>>,
    pub(in crate::model) rows: usize,
    /// Number of equal ranges of the rows, each with its own batch statistics.
    pub(in crate::model) groups: usize,
}

/// Statistics that batch norm uses; running statistics need a single group.
pub(in crate::model) enum NormStatistics<'a, D: Backend> {
    /// Those of the batch, which also update the running ones.
    Training(&'a mut [RunningStatistics<D>]),
    /// Those of the batch; the running ones stay as they are.
    Batch,
    /// The running statistics.
    Running(&'a [RunningStatistics<D>]),
}

/// Inputs and buffers of a backward pass.
pub(in crate::model) struct BackwardPass<'a, D: Backend> {
    pub(in crate::model) device: &'a D,
    pub(in crate::model) parameters: &'a mut Parameters<D>,
    pub(in crate::model) buffers: &'a mut BufferPool<D>,
    pub(in crate::model) saved: SavedActivations<D>,
    pub(in crate::model) rows: usize,
}

/// Activations saved for the backward pass. They form a stack: the backward pass takes them back in reverse order.
#[derive(Debug)]
pub(in crate::model) struct SavedActivations<D: Backend> {
    /// The images, which are not from the buffer pool.
    images: Option<D::Map>,
    maps: Vec<D::Map>,
    buffers: Vec<D::Buffer>,
}

impl<D: Backend> Default for SavedActivations<D> {
    fn default() -> Self {
        Self { images: None, maps: Vec::new(), buffers: Vec::new() }
    }
}

impl<D: Backend> SavedActivations<D> {
    /// Takes back the images.
    pub(super) fn take_images(&mut self) -> Result<D::Map> {
        self.images.take().ok_or_else(not_saved)
    }

    /// Takes back the map saved last.
    pub(super) fn pop_map(&mut self) -> Result<D::Map> {
        self.maps.pop().ok_or_else(not_saved)
    }

    /// Takes back the buffer saved last.
    pub(super) fn pop_buffer(&mut self) -> Result<D::Buffer> {
        self.buffers.pop().ok_or_else(not_saved)
    }

    /// Releases everything to the pool; the images are freed.
    pub(in crate::model) fn release(self, pool: &mut BufferPool<D>) {
        self.maps.into_iter().for_each(|map| pool.release_map(map));
        self.buffers.into_iter().for_each(|buffer| pool.release(buffer));
    }
}

fn not_saved() -> Error {
    Error::bug("the backward pass of a layer needs an activation that its forward pass did not save")
}

impl<D: Backend> ForwardPass<'_, D> {
    /// Saves the images, or frees them in inference.
    pub(super) fn save_images(&mut self, images: D::Map) {
        if let Some(saved) = &mut self.saved {
            saved.images = Some(images);
        }
    }

    /// Saves a map, or releases it in inference.
    pub(super) fn save_map(&mut self, map: D::Map) {
        match &mut self.saved {
            Some(saved) => saved.maps.push(map),
            None => self.buffers.release_map(map),
        }
    }

    /// Saves a buffer, or releases it in inference.
    pub(super) fn save_buffer(&mut self, buffer: D::Buffer) {
        match &mut self.saved {
            Some(saved) => saved.buffers.push(buffer),
            None => self.buffers.release(buffer),
        }
    }
}
