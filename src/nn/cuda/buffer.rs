//! Numbers on the device: parameters and features in 32 bits, feature maps in a precision.

use super::address::Address;
use super::gpu::Gpu;
use super::memory::Memory;
use crate::base::{Error, Result};
use crate::nn::Precision;
use half::bf16;
use half::slice::HalfFloatSliceExt;
use std::fmt;
use std::sync::Arc;

/// 32-bit numbers on a device.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    length: usize,
    gpu: Arc<Gpu>,
}

impl Buffer {
    /// Numbers with any values.
    pub(super) fn new(gpu: &Arc<Gpu>, length: usize) -> Result<Self> {
        Ok(Self { memory: Memory::new(gpu, length * size_of::<f32>())?, length, gpu: gpu.clone() })
    }

    /// Zeros.
    pub(super) fn zeros(gpu: &Arc<Gpu>, length: usize) -> Result<Self> {
        Ok(Self { memory: Memory::zeros(gpu, length * size_of::<f32>())?, length, gpu: gpu.clone() })
    }

    /// Numbers from the host.
    pub(super) fn from_host(gpu: &Arc<Gpu>, values: &[f32]) -> Result<Self> {
        let mut buffer = Self::new(gpu, values.len())?;
        buffer.memory.write(gpu, values)?;
        Ok(buffer)
    }

    /// The numbers, when everything that was queued is done.
    pub(super) fn to_host(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.length];
        self.memory.read(&self.gpu, &mut values)?;
        Ok(values)
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Where they lie.
    pub(super) fn address(&self) -> Address<'_> {
        self.memory.address()
    }

    /// Their device.
    pub(super) fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }
}

/// A feature map, or its gradient, on a device.
pub struct Map {
    memory: Memory,
    length: usize,
    precision: Precision,
    gpu: Arc<Gpu>,
}

impl Map {
    /// A map with any numbers.
    pub(super) fn new(gpu: &Arc<Gpu>, length: usize, precision: Precision) -> Result<Self> {
        let memory = Memory::new(gpu, length * precision.bytes() as usize)?;
        Ok(Self { memory, length, precision, gpu: gpu.clone() })
    }

    /// A map of zeros.
    pub(super) fn zeros(gpu: &Arc<Gpu>, length: usize, precision: Precision) -> Result<Self> {
        let memory = Memory::zeros(gpu, length * precision.bytes() as usize)?;
        Ok(Self { memory, length, precision, gpu: gpu.clone() })
    }

    /// The numbers in 32 bits, when everything that was queued is done.
    pub(super) fn to_host(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.length];
        match self.precision {
            Precision::F32 | Precision::Tf32 => self.memory.read(&self.gpu, &mut values)?,
            Precision::Bf16 => {
                let mut halves = vec![bf16::ZERO; self.length];
                self.memory.read(&self.gpu, &mut halves)?;
                halves.convert_to_f32_slice(&mut values);
            }
        }
        Ok(values)
    }

    /// How many numbers they are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.length * self.precision.bytes() as usize
    }

    /// In which precision they are, and are computed with.
    pub(super) fn precision(&self) -> Precision {
        self.precision
    }

    /// Where they lie.
    pub(super) fn address(&self) -> Address<'_> {
        self.memory.address()
    }

    /// Their device.
    pub(super) fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Fails unless another map of the same operation is of the same precision.
    pub(super) fn goes_with(&self, other: &Self) -> Result<()> {
        if self.precision == other.precision {
            return Ok(());
        }
        Err(Error::bug(format!("maps of {:?} and {:?} in one operation", self.precision, other.precision)))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} numbers, {:?})", self.length, self.precision)
    }
}

/// As the kernels count.
pub(super) fn int(number: usize) -> Result<i32> {
    i32::try_from(number)
        .map_err(|_| Error::stage(format!("{number} is more than a CUDA kernel counts to")).help("use a smaller batch"))
}
