//! Arrays on the device: buffers in f32 for parameters and features, feature maps in a chosen precision.

use super::address::Address;
use super::filter::FilterCache;
use super::gpu::Gpu;
use super::memory::Memory;
use crate::base::{Error, Result};
use crate::nn::Precision;
use half::bf16;
use half::slice::HalfFloatSliceExt;
use std::fmt;
use std::sync::Arc;

/// An array of f32 on a device.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    length: usize,
    gpu: Arc<Gpu>,
    pub(super) filter: FilterCache,
}

impl Buffer {
    /// Allocates a buffer with arbitrary content.
    pub(super) fn new(gpu: &Arc<Gpu>, length: usize) -> Result<Self> {
        Ok(Self::of(gpu, Memory::new(gpu, length * size_of::<f32>())?, length))
    }

    /// Allocates a buffer of zeros.
    pub(super) fn zeros(gpu: &Arc<Gpu>, length: usize) -> Result<Self> {
        Ok(Self::of(gpu, Memory::zeros(gpu, length * size_of::<f32>())?, length))
    }

    fn of(gpu: &Arc<Gpu>, memory: Memory, length: usize) -> Self {
        Self { memory, length, gpu: gpu.clone(), filter: FilterCache::default() }
    }

    /// Copies values from the host into a new buffer.
    pub(super) fn from_host(gpu: &Arc<Gpu>, values: &[f32]) -> Result<Self> {
        let mut buffer = Self::new(gpu, values.len())?;
        buffer.memory.write(gpu, values)?;
        Ok(buffer)
    }

    /// Copies the values to the host after all queued work has finished.
    pub(super) fn to_host(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.length];
        self.memory.read(&self.gpu, &mut values)?;
        Ok(values)
    }

    /// Returns the number of elements.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Returns the address. Who writes there what may be the weights of a convolution calls [`Buffer::changed`].
    pub(super) fn address(&self) -> Address<'_> {
        self.memory.address()
    }

    /// Returns the address, for writing.
    pub(super) fn address_mut(&mut self) -> Address<'_> {
        self.changed();
        self.memory.address()
    }

    /// Notes that the values change.
    pub(crate) fn changed(&mut self) {
        self.filter.expire();
    }

    /// Returns the device.
    pub(super) fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }
}

/// A feature map, or its gradient, on a device.
pub struct Map {
    memory: Memory,
    length: usize,
    precision: Precision,
    padding: Option<Padding>,
    gpu: Arc<Gpu>,
}

/// Channels of a pixel, and of the pixel in memory, where it ends in zeros. Only convolutions read such maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Padding {
    pub(super) channels: usize,
    pub(super) padded: usize,
}

impl Map {
    /// Allocates a map of `length` elements besides those of the padding, with arbitrary content.
    pub(super) fn new(gpu: &Arc<Gpu>, length: usize, precision: Precision, padding: Option<Padding>) -> Result<Self> {
        let stored = padding.map_or(length, |padding| length / padding.channels * padding.padded);
        let memory = Memory::new(gpu, stored * precision.bytes() as usize)?;
        Ok(Self { memory, length, precision, padding, gpu: gpu.clone() })
    }

    /// Allocates a map of zeros.
    pub(super) fn zeros(gpu: &Arc<Gpu>, length: usize, precision: Precision) -> Result<Self> {
        let memory = Memory::zeros(gpu, length * precision.bytes() as usize)?;
        Ok(Self { memory, length, precision, padding: None, gpu: gpu.clone() })
    }

    /// Copies the values to the host in f32 after all queued work has finished.
    pub(super) fn to_host(&self) -> Result<Vec<f32>> {
        if self.padding.is_some() {
            return Err(Error::bug("a padded map cannot be downloaded"));
        }
        let mut values = vec![0.0; self.length];
        match self.precision {
            Precision::F32 | Precision::Tf32 => self.memory.read(&self.gpu, &mut values)?,
            Precision::Bf16 => {
                let mut stored = vec![bf16::ZERO; self.length];
                self.memory.read(&self.gpu, &mut stored)?;
                stored.convert_to_f32_slice(&mut values);
            }
        }
        Ok(values)
    }

    /// Returns the number of elements.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Returns the padding of its pixels, if any.
    pub(super) fn padding(&self) -> Option<Padding> {
        self.padding
    }

    /// Returns the precision in which the map is stored and computed.
    pub(super) fn precision(&self) -> Precision {
        self.precision
    }

    /// Returns the address.
    pub(super) fn address(&self) -> Address<'_> {
        self.memory.address()
    }

    /// Returns the device.
    pub(super) fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Checks that another map of the same operation has the same precision.
    pub(super) fn check_precision(&self, other: &Self) -> Result<()> {
        if self.precision == other.precision {
            return Ok(());
        }
        Err(Error::bug(format!("maps of {:?} and {:?} in one operation", self.precision, other.precision)))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} elements, {:?})", self.length, self.precision)
    }
}

/// Converts a size to the kernels' `int`.
pub(super) fn int(number: usize) -> Result<i32> {
    i32::try_from(number).map_err(|_| {
        Error::stage(format!("{number} exceeds the 32-bit sizes of a CUDA kernel")).help("use a smaller batch")
    })
}
