//! cuDNN: handle, workspace, descriptors, and the algorithms chosen for each convolution.

use super::algorithm::{Chosen, math};
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
use std::ffi::c_int;

const CHANNELS_LAST: cudnnTensorFormat_t = cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;

/// Shape, batch size and precision of a convolution: the key of its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConvProblem {
    pub(super) shape: Convolution,
    pub(super) rows: usize,
    /// Channels of the input with padding.
    pub(super) inputs: usize,
    pub(super) precision: Precision,
}

impl ConvProblem {
    /// Returns the numbers of elements of input, weights and output.
    pub(super) fn lengths(&self) -> [usize; 3] {
        let Self { shape, rows, inputs, .. } = self;
        let taps = shape.kernel * shape.kernel;
        [rows * shape.side * shape.side * inputs, taps * inputs * shape.outputs, rows * shape.output_len()]
    }
}

/// cuDNN's handle, workspace and plans.
#[derive(Debug)]
pub(super) struct Cudnn {
    pub(super) handle: cudnnHandle_t,
    pub(super) workspace: Workspace,
    pub(super) plans: PlanCache,
}

// SAFETY: handle and descriptors may move between threads if only one thread uses them at a time, which the mutex
// around this guarantees.
unsafe impl Send for Cudnn {}

impl Cudnn {
    /// Creates a handle that queues on the given stream.
    pub(super) fn new(stream: &CudaStream) -> Result<Self> {
        let handle = result::create_handle().checked("cudnnCreate")?;
        let cudnn = Self { handle, workspace: Workspace::default(), plans: PlanCache::default() };
        // SAFETY: handle and stream are alive; the two modules' stream types are the same pointer.
        unsafe { result::set_stream(handle, stream.cu_stream().cast()) }.checked("cudnnSetStream")?;
        Ok(cudnn)
    }
}

impl Drop for Cudnn {
    fn drop(&mut self) {
        // SAFETY: not used afterwards. A failure would only leak memory.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// The workspace of all calls, which run one after the other on one stream.
#[derive(Debug, Default)]
pub(super) struct Workspace(Option<Memory>);

impl Workspace {
    /// Returns a workspace of at least `bytes`.
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

/// The plans of all convolutions so far.
#[derive(Debug, Default)]
pub(super) struct PlanCache(HashMap<ConvProblem, ConvPlan>);

impl PlanCache {
    /// Returns the plan of a convolution, creating it at the first call.
    pub(super) fn of(&mut self, problem: &ConvProblem) -> Result<&mut ConvPlan> {
        match self.0.entry(*problem) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(ConvPlan::new(problem)?)),
        }
    }

    /// Returns the algorithm that `chosen` finds in the plan of the same convolution of the next larger batch.
    pub(super) fn of_larger_batch<A: Copy>(
        &mut self,
        problem: &ConvProblem,
        chosen: impl Fn(&mut ConvPlan) -> &mut Option<Chosen<A>>,
    ) -> Option<Chosen<A>> {
        let larger =
            |other: &ConvProblem| other.rows > problem.rows && ConvProblem { rows: problem.rows, ..*other } == *problem;
        let plans = self.0.iter_mut().filter(|(other, _)| larger(other));
        let found = plans.filter_map(|(other, plan)| Some((other.rows, (*chosen(plan))?)));
        found.min_by_key(|(rows, _)| *rows).map(|(_, chosen)| chosen)
    }
}

/// The descriptors of a convolution, and the algorithm of each direction once it is chosen.
#[derive(Debug)]
pub(super) struct ConvPlan {
    pub(super) descriptors: Descriptors,
    pub(super) forward: Option<Chosen<cudnnConvolutionFwdAlgo_t>>,
    pub(super) backward_data: Option<Chosen<cudnnConvolutionBwdDataAlgo_t>>,
    pub(super) backward_filter: Option<Chosen<cudnnConvolutionBwdFilterAlgo_t>>,
}

impl ConvPlan {
    fn new(problem: &ConvProblem) -> Result<Self> {
        let descriptors = Descriptors::new(problem)?;
        Ok(Self { descriptors, forward: None, backward_data: None, backward_filter: None })
    }
}

/// Defines owned descriptors, destroyed when dropped.
macro_rules! descriptors {
    ($($name:ident($handle:ty): $create:path, $destroy:path;)*) => {
        $(
            #[derive(Debug)]
            pub(super) struct $name(pub(super) $handle);

            impl Drop for $name {
                fn drop(&mut self) {
                    // SAFETY: created once and not used afterwards. A failure would only leak memory.
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

/// The descriptors of a convolution.
#[derive(Debug)]
pub(super) struct Descriptors {
    pub(super) input: MapDescriptor,
    pub(super) weights: WeightsDescriptor,
    pub(super) convolution: ConvolutionDescriptor,
    pub(super) output: MapDescriptor,
}

impl Descriptors {
    fn new(problem: &ConvProblem) -> Result<Self> {
        let ConvProblem { shape, rows, inputs, precision } = problem;
        Ok(Self {
            input: map(*rows, *inputs, shape.side, *precision)?,
            weights: weights(shape, *inputs, *precision)?,
            convolution: convolution(shape, *precision)?,
            output: map(*rows, shape.outputs, shape.output_side(), *precision)?,
        })
    }

    /// Sets the arithmetic of the chosen algorithm.
    pub(super) fn set_math(&self, math: cudnnMathType_t) -> Result<()> {
        // SAFETY: the descriptor is alive.
        unsafe { result::set_convolution_math_type(self.convolution.0, math) }.checked("cudnnSetConvolutionMathType")
    }
}

fn data_type(precision: Precision) -> cudnnDataType_t {
    match precision {
        Precision::F32 | Precision::Tf32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
        Precision::Bf16 => cudnnDataType_t::CUDNN_DATA_BFLOAT16,
    }
}

const TOO_LARGE: &str = "use a smaller batch: cuDNN's tensors have fewer than 2^31 elements";

fn is_too_large(shape: [c_int; 4]) -> bool {
    shape.iter().map(|size| i128::from(*size)).product::<i128>() >= 1 << 31
}

fn map(rows: usize, channels: usize, side: usize, precision: Precision) -> Result<MapDescriptor> {
    let descriptor = MapDescriptor(result::create_tensor_descriptor().checked("cudnnCreateTensorDescriptor")?);
    let shape = [int(rows)?, int(channels)?, int(side)?, int(side)?];
    // SAFETY: the descriptor was just created.
    unsafe { result::set_tensor4d_descriptor(descriptor.0, CHANNELS_LAST, data_type(precision), shape) }
        .checked("cudnnSetTensor4dDescriptor")
        .map_err(|error| if is_too_large(shape) { error.help(TOO_LARGE) } else { error })?;
    Ok(descriptor)
}

/// Returns the descriptor of a filter `[outputs, kernel, kernel, inputs]`.
fn weights(shape: &Convolution, inputs: usize, precision: Precision) -> Result<WeightsDescriptor> {
    let descriptor = WeightsDescriptor(result::create_filter_descriptor().checked("cudnnCreateFilterDescriptor")?);
    let kernel = int(shape.kernel)?;
    let sizes = [int(shape.outputs)?, int(inputs)?, kernel, kernel];
    // SAFETY: the descriptor was just created.
    unsafe { result::set_filter4d_descriptor(descriptor.0, data_type(precision), CHANNELS_LAST, sizes) }
        .checked("cudnnSetFilter4dDescriptor")?;
    Ok(descriptor)
}

/// Returns the descriptor of a convolution, which accumulates in f32 in every precision.
fn convolution(shape: &Convolution, precision: Precision) -> Result<ConvolutionDescriptor> {
    let created = result::create_convolution_descriptor().checked("cudnnCreateConvolutionDescriptor")?;
    let descriptor = ConvolutionDescriptor(created);
    let (padding, stride) = (int(shape.padding)?, int(shape.stride)?);
    // cuDNN's CUDNN_CONVOLUTION mode would flip the filter.
    let mode = cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
    let sums = cudnnDataType_t::CUDNN_DATA_FLOAT;
    // SAFETY: the descriptor was just created.
    unsafe { result::set_convolution2d_descriptor(descriptor.0, padding, padding, stride, stride, 1, 1, mode, sums) }
        .checked("cudnnSetConvolution2dDescriptor")?;
    // SAFETY: the descriptor was just created.
    unsafe { result::set_convolution_math_type(descriptor.0, math(precision)) }
        .checked("cudnnSetConvolutionMathType")?;
    Ok(descriptor)
}
