//! cuDNN: its handle, its descriptions of shapes, and what was found out about each convolution.

use super::algorithm::{Candidate, math};
use super::buffer::int;
use super::gpu::Gpu;
use super::memory::Memory;
use super::status::Checked;
use crate::base::Result;
use crate::nn::{Convolution, Precision};
use cudarc::cudnn::result;
use cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionDescriptor_t,
    cudnnConvolutionFwdAlgo_t, cudnnConvolutionMode_t, cudnnDataType_t, cudnnFilterDescriptor_t, cudnnHandle_t,
    cudnnMathType_t, cudnnTensorDescriptor_t, cudnnTensorFormat_t,
};
use cudarc::driver::CudaStream;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

const CHANNELS_LAST: cudnnTensorFormat_t = cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

/// A convolution of some rows in a precision, its input's channels being padded to `inputs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Case {
    pub(super) shape: Convolution,
    pub(super) rows: usize,
    pub(super) inputs: usize,
    pub(super) precision: Precision,
}

/// The handle, the workspace, and what is known of every case met so far.
#[derive(Debug)]
pub(super) struct Dnn {
    pub(super) handle: cudnnHandle_t,
    pub(super) workspace: Workspace,
    pub(super) cases: Cases,
}

// SAFETY: handle and descriptors may go from thread to thread as long as one uses them at a time, which the mutex
// around this sees to.
unsafe impl Send for Dnn {}

impl Dnn {
    /// On the given stream.
    pub(super) fn new(stream: &CudaStream) -> Result<Self> {
        let handle = result::create_handle().checked("cudnnCreate")?;
        let dnn = Self { handle, workspace: Workspace::default(), cases: Cases::default() };
        // SAFETY: handle and stream live; the two modules' stream types are the same pointer.
        unsafe { result::set_stream(handle, stream.cu_stream().cast()) }.checked("cudnnSetStream")?;
        Ok(dnn)
    }
}

impl Drop for Dnn {
    fn drop(&mut self) {
        // SAFETY: used no more. A failure would only leave memory behind.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// Memory that every call may write: they follow each other on one stream.
#[derive(Debug, Default)]
pub(super) struct Workspace(Option<Memory>);

impl Workspace {
    /// At least so many bytes.
    pub(super) fn of(&mut self, gpu: &Gpu, bytes: usize) -> Result<&Memory> {
        let memory = match self.0.take() {
            Some(memory) if memory.bytes() >= bytes => memory,
            smaller => {
                drop(smaller);
                Memory::new(gpu, bytes)?
            }
        };
        Ok(self.0.insert(memory))
    }
}

/// The cases met so far.
#[derive(Debug, Default)]
pub(super) struct Cases(HashMap<Case, Known>);

impl Cases {
    /// What is known of a case.
    pub(super) fn of(&mut self, case: &Case) -> Result<&mut Known> {
        match self.0.entry(*case) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Known::new(case)?)),
        }
    }
}

/// The descriptions of a case, and the algorithm of each direction once it is found.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) plan: Plan,
    pub(super) forward: Option<Candidate<cudnnConvolutionFwdAlgo_t>>,
    pub(super) input: Option<Candidate<cudnnConvolutionBwdDataAlgo_t>>,
    pub(super) weights: Option<Candidate<cudnnConvolutionBwdFilterAlgo_t>>,
}

impl Known {
    fn new(case: &Case) -> Result<Self> {
        Ok(Self { plan: Plan::new(case)?, forward: None, input: None, weights: None })
    }
}

/// Descriptors that are destroyed at the end.
macro_rules! descriptors {
    ($($name:ident($handle:ty): $create:path, $destroy:path;)*) => {
        $(
            #[derive(Debug)]
            pub(super) struct $name(pub(super) $handle);

            impl Drop for $name {
                fn drop(&mut self) {
                    // SAFETY: made once and used no more. A failure would only leave memory behind.
                    let _ = unsafe { $destroy(self.0) };
                }
            }
        )*
    };
}

descriptors! {
    MapDescriptor(cudnnTensorDescriptor_t): result::create_tensor_descriptor, result::destroy_tensor_descriptor;
    WeightsDescriptor(cudnnFilterDescriptor_t): result::create_filter_descriptor, result::destroy_filter_descriptor;
    ConvolutionDescriptor(cudnnConvolutionDescriptor_t): result::create_convolution_descriptor,
        result::destroy_convolution_descriptor;
}

/// A case as cuDNN describes it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) input: MapDescriptor,
    pub(super) weights: WeightsDescriptor,
    pub(super) convolution: ConvolutionDescriptor,
    pub(super) output: MapDescriptor,
}

impl Plan {
    fn new(case: &Case) -> Result<Self> {
        let Case { shape, rows, inputs, precision } = case;
        Ok(Self {
            input: map(*rows, *inputs, shape.side, *precision)?,
            weights: weights(shape, *inputs, *precision)?,
            convolution: convolution(shape, *precision)?,
            output: map(*rows, shape.outputs, shape.output_side(), *precision)?,
        })
    }

    /// Makes the products be made as the chosen algorithm wants it.
    pub(super) fn multiply_with(&self, math: cudnnMathType_t) -> Result<()> {
        // SAFETY: the descriptor lives.
        unsafe { result::set_convolution_math_type(self.convolution.0, math) }.checked("cudnnSetConvolutionMathType")
    }
}

fn numbers(precision: Precision) -> cudnnDataType_t {
    match precision {
        Precision::F32 | Precision::Tf32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
        Precision::Bf16 => cudnnDataType_t::CUDNN_DATA_BFLOAT16,
    }
}

fn map(rows: usize, channels: usize, side: usize, precision: Precision) -> Result<MapDescriptor> {
    let descriptor = MapDescriptor(result::create_tensor_descriptor().checked("cudnnCreateTensorDescriptor")?);
    let shape = [int(rows)?, int(channels)?, int(side)?, int(side)?];
    // SAFETY: the descriptor was just made.
    unsafe { result::set_tensor4d_descriptor(descriptor.0, CHANNELS_LAST, numbers(precision), shape) }
        .checked("cudnnSetTensor4dDescriptor")?;
    Ok(descriptor)
}

/// `[outputs, kernel, kernel, inputs]`.
fn weights(shape: &Convolution, inputs: usize, precision: Precision) -> Result<WeightsDescriptor> {
    let descriptor = WeightsDescriptor(result::create_filter_descriptor().checked("cudnnCreateFilterDescriptor")?);
    let kernel = int(shape.kernel)?;
    let sizes = [int(shape.outputs)?, int(inputs)?, kernel, kernel];
    // SAFETY: the descriptor was just made.
    unsafe { result::set_filter4d_descriptor(descriptor.0, numbers(precision), CHANNELS_LAST, sizes) }
        .checked("cudnnSetFilter4dDescriptor")?;
    Ok(descriptor)
}

/// Sums are 32-bit in every precision.
fn convolution(shape: &Convolution, precision: Precision) -> Result<ConvolutionDescriptor> {
    let made = result::create_convolution_descriptor().checked("cudnnCreateConvolutionDescriptor")?;
    let descriptor = ConvolutionDescriptor(made);
    let (padding, stride) = (int(shape.padding)?, int(shape.stride)?);
    // cuDNN's "convolution" would turn the weights round.
    let mode = cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
    let sums = cudnnDataType_t::CUDNN_DATA_FLOAT;
    // SAFETY: the descriptor was just made.
    unsafe { result::set_convolution2d_descriptor(descriptor.0, padding, padding, stride, stride, 1, 1, mode, sums) }
        .checked("cudnnSetConvolution2dDescriptor")?;
    // SAFETY: the descriptor was just made.
    unsafe { result::set_convolution_math_type(descriptor.0, math(precision)) }
        .checked("cudnnSetConvolutionMathType")?;
    Ok(descriptor)
}
