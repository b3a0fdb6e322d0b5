//! What the layers of an encoder share during a forward or a backward pass. A layer works on one map for each shard of
//! the batch, or on a single one.

use crate::base::{Error, Result};
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::model::shard_norms::ShardNorms;
use crate::nn::{Backend, BufferPool};

/// Inputs and buffers of a forward pass.
pub(in crate::model) struct ForwardPass<'a, D: Backend> {
    pub(in crate::model) device: &'a D,
    pub(in crate::model) parameters: &'a Parameters<D>,
    pub(in crate::model) statistics: NormStatistics<'a, D>,
    pub(in crate::model) buffers: &'a mut BufferPool<D>,
    /// Activations for the backward pass; `None` in inference, where they are released at once.
    pub(in crate::model) saved: Option<SavedActivations<D>>,
    /// Rows of each map.
    pub(in crate::model) rows: &'a [usize],
    /// Number of equal ranges of the rows of a map, each with its own batch statistics.
    pub(in crate::model) groups: usize,
    /// How batch statistics are shared if the maps are shards; there is a single map otherwise.
    pub(in crate::model) shards: Option<&'a mut ShardNorms>,
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
    /// Rows of each map.
    pub(in crate::model) rows: &'a [usize],
    /// How batch statistics are shared if the maps are shards.
    pub(in crate::model) shards: Option<&'a ShardNorms>,
}

/// Activations saved for the backward pass. They form a stack: the backward pass takes them back in reverse order.
#[derive(Debug)]
pub(in crate::model) struct SavedActivations<D: Backend> {
    /// The images, which are not from the buffer pool.
    images: Option<Vec<D::Map>>,
    maps: Vec<Vec<D::Map>>,
    buffers: Vec<Vec<D::Buffer>>,
    /// Whether the images alone are saved, because the rest is computed again.
    has_only_images: bool,
}

impl<D: Backend> Default for SavedActivations<D> {
    fn default() -> Self {
        Self { images: None, maps: Vec::new(), buffers: Vec::new(), has_only_images: false }
    }
}

impl<D: Backend> SavedActivations<D> {
    /// Saves the images alone.
    pub(in crate::model) fn only_images() -> Self {
        Self { has_only_images: true, ..Self::default() }
    }

    /// Takes back the images.
    pub(in crate::model) fn take_images(&mut self) -> Result<Vec<D::Map>> {
        self.images.take().ok_or_else(not_saved)
    }

    /// Takes back the maps saved last.
    pub(super) fn pop_maps(&mut self) -> Result<Vec<D::Map>> {
        self.maps.pop().ok_or_else(not_saved)
    }

    /// Takes back the buffers saved last.
    pub(super) fn pop_buffers(&mut self) -> Result<Vec<D::Buffer>> {
        self.buffers.pop().ok_or_else(not_saved)
    }

    /// Releases everything to the pool; the images are freed.
    pub(in crate::model) fn release(self, pool: &mut BufferPool<D>) {
        pool.release_maps(self.maps.into_iter().flatten());
        self.buffers.into_iter().flatten().for_each(|buffer| pool.release(buffer));
    }
}

fn not_saved() -> Error {
    Error::bug("the backward pass of a layer needs an activation that its forward pass did not save")
}

impl<D: Backend> ForwardPass<'_, D> {
    /// Returns a map for each shard, of `length` values per row, with arbitrary content.
    pub(super) fn acquire_maps(&mut self, length: usize) -> Result<Vec<D::Map>> {
        self.rows.iter().map(|rows| self.buffers.acquire_map(rows * length)).collect()
    }

    /// Saves the images, or frees them in inference.
    pub(super) fn save_images(&mut self, images: Vec<D::Map>) {
        if let Some(saved) = &mut self.saved {
            saved.images = Some(images);
        }
    }

    /// Saves the maps of all shards, or releases them in inference.
    pub(super) fn save_maps(&mut self, maps: Vec<D::Map>) {
        match &mut self.saved {
            Some(saved) if !saved.has_only_images => saved.maps.push(maps),
            _ => self.buffers.release_maps(maps),
        }
    }

    /// Saves a buffer of each shard, or releases them in inference.
    pub(super) fn save_buffers(&mut self, buffers: Vec<D::Buffer>) {
        match &mut self.saved {
            Some(saved) if !saved.has_only_images => saved.buffers.push(buffers),
            // Those of shards are not from the pool.
            _ if self.shards.is_some() => drop(buffers),
            _ => buffers.into_iter().for_each(|buffer| self.buffers.release(buffer)),
        }
    }
}

impl<D: Backend> BackwardPass<'_, D> {
    /// Returns a map for each shard, of `length` values per row, with arbitrary content.
    pub(super) fn acquire_maps(&mut self, length: usize) -> Result<Vec<D::Map>> {
        self.rows.iter().map(|rows| self.buffers.acquire_map(rows * length)).collect()
    }
}
