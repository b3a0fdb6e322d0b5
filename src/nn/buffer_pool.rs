//! Buffers that go from one step to the next without being freed.

use crate::base::Result;
use crate::nn::{Backend, Precision};
use std::collections::BTreeMap;

/// BufferPool buffers and maps by length. What [`BufferPool::acquire`] and [`BufferPool::acquire_map`] give holds old numbers: the taker
/// overwrites all of it.
#[derive(Debug)]
pub struct BufferPool<D: Backend> {
    device: D,
    precision: Precision,
    buffers: BTreeMap<usize, Vec<D::Buffer>>,
    maps: BTreeMap<usize, Vec<D::Map>>,
}

impl<D: Backend> BufferPool<D> {
    /// None yet; maps are to be of the given precision.
    pub fn new(device: &D, precision: Precision) -> Self {
        Self { device: device.clone(), precision, buffers: BTreeMap::new(), maps: BTreeMap::new() }
    }

    /// A buffer of `length` numbers with any content.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn acquire(&mut self, length: usize) -> Result<D::Buffer> {
        match self.buffers.get_mut(&length).and_then(Vec::pop) {
            Some(buffer) => Ok(buffer),
            None => self.device.allocate(length),
        }
    }

    /// A map of `length` numbers with any content.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn acquire_map(&mut self, length: usize) -> Result<D::Map> {
        match self.maps.get_mut(&length).and_then(Vec::pop) {
            Some(map) => Ok(map),
            None => self.device.allocate_map(length, self.precision),
        }
    }

    /// Keeps a buffer for the next taker. Only what was taken here is to be given back: what comes from elsewhere in
    /// each step would be kept for ever.
    pub fn release(&mut self, buffer: D::Buffer) {
        self.buffers.entry(self.device.length(&buffer)).or_default().push(buffer);
    }

    /// Keeps a map for the next taker, as [`BufferPool::release`] does.
    pub fn release_map(&mut self, map: D::Map) {
        self.maps.entry(self.device.map_length(&map)).or_default().push(map);
    }

    /// Number of buffers and maps.
    pub fn count(&self) -> usize {
        self.buffers.values().map(Vec::len).sum::<usize>() + self.maps.values().map(Vec::len).sum::<usize>()
    }
}
