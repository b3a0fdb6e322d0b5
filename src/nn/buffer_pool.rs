//! Buffers that are reused from step to step instead of freed.

use crate::base::Result;
use crate::nn::{Backend, Precision};
use std::collections::BTreeMap;

/// Unused buffers and maps by length. Those that `BufferPool::acquire` and `BufferPool::acquire_map` return hold
/// old values; the caller overwrites all of them.
#[derive(Debug)]
pub struct BufferPool<D: Backend> {
    device: D,
    precision: Precision,
    buffers: BTreeMap<usize, Vec<D::Buffer>>,
    maps: BTreeMap<usize, Vec<D::Map>>,
}

impl<D: Backend> BufferPool<D> {
    /// Returns an empty pool, whose maps will have the given precision.
    pub fn new(device: &D, precision: Precision) -> Self {
        Self { device: device.clone(), precision, buffers: BTreeMap::new(), maps: BTreeMap::new() }
    }

    /// Returns a buffer of `length` elements with arbitrary content.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(crate) fn acquire(&mut self, length: usize) -> Result<D::Buffer> {
        match self.buffers.get_mut(&length).and_then(Vec::pop) {
            Some(buffer) => Ok(buffer),
            None => self.device.allocate(length),
        }
    }

    /// Returns a map of `length` elements with arbitrary content.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(crate) fn acquire_map(&mut self, length: usize) -> Result<D::Map> {
        match self.maps.get_mut(&length).and_then(Vec::pop) {
            Some(map) => Ok(map),
            None => self.device.allocate_map(length, self.precision),
        }
    }

    /// Returns a buffer to the pool. Release only buffers that were acquired from it: others, released in every step,
    /// would make it grow without bound.
    pub fn release(&mut self, buffer: D::Buffer) {
        self.buffers.entry(self.device.length(&buffer)).or_default().push(buffer);
    }

    /// Returns a map to the pool, as [`BufferPool::release`] does a buffer.
    pub(crate) fn release_map(&mut self, map: D::Map) {
        self.maps.entry(self.device.map_length(&map)).or_default().push(map);
    }

    /// Returns maps to the pool.
    pub(crate) fn release_maps(&mut self, maps: impl IntoIterator<Item = D::Map>) {
        maps.into_iter().for_each(|map| self.release_map(map));
    }

    /// Returns the number of unused buffers and maps.
    pub fn count(&self) -> usize {
        self.buffers.values().map(Vec::len).sum::<usize>() + self.maps.values().map(Vec::len).sum::<usize>()
    }
}
