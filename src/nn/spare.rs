//! Buffers that go from one step to the next without being freed.

use crate::base::Result;
use crate::nn::Backend;
use std::collections::BTreeMap;

/// Spare buffers by length. What [`Spare::take`] gives holds old numbers: the taker overwrites all of it.
#[derive(Debug)]
pub struct Spare<D: Backend> {
    device: D,
    buffers: BTreeMap<usize, Vec<D::Buffer>>,
}

impl<D: Backend> Spare<D> {
    /// None yet.
    pub fn new(device: &D) -> Self {
        Self { device: device.clone(), buffers: BTreeMap::new() }
    }

    /// A buffer of `length` numbers with any content.
    ///
    /// # Errors
    /// The device is out of memory.
    pub fn take(&mut self, length: usize) -> Result<D::Buffer> {
        match self.buffers.get_mut(&length).and_then(Vec::pop) {
            Some(buffer) => Ok(buffer),
            None => self.device.allocate(length),
        }
    }

    /// Keeps a buffer for the next taker. Only what was taken here is to be given back: what comes from elsewhere in
    /// each step would be kept for ever.
    pub fn give(&mut self, buffer: D::Buffer) {
        self.buffers.entry(self.device.length(&buffer)).or_default().push(buffer);
    }

    /// Number of buffers.
    pub fn count(&self) -> usize {
        self.buffers.values().map(Vec::len).sum()
    }

    /// Frees them all.
    pub fn clear(&mut self) {
        self.buffers.clear();
    }
}
