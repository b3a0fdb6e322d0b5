//! The three directions of a convolution, each with cuDNN's calls to measure the algorithms and to run one.

use super::algorithm::{Candidate, Chosen};
use super::cudnn::{ConvPlan, Descriptors};
use super::direction::{Direction, Operands, Role, ScalingFactor};
use super::memory::Memory;
use cudarc::cudnn::result::{self, CudnnResult};
use cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionFwdAlgo_t,
    cudnnFindConvolutionBackwardDataAlgorithmEx, cudnnFindConvolutionBackwardFilterAlgorithmEx,
    cudnnFindConvolutionForwardAlgorithmEx, cudnnHandle_t,
};
use std::ffi::c_int;

/// Maximum number of algorithms that a search returns; cuDNN has fewer.
const MAX_ALGORITHMS: usize = 32;

/// Calls a measuring function and returns its results.
fn measured<P, A>(find: impl FnOnce(c_int, *mut c_int, *mut P) -> CudnnResult<()>) -> CudnnResult<Vec<Candidate<A>>>
where
    Candidate<A>: From<P>,
{
    let mut count = 0;
    let mut results: Vec<P> = Vec::with_capacity(MAX_ALGORITHMS);
    find(MAX_ALGORITHMS as c_int, &raw mut count, results.as_mut_ptr())?;
    // SAFETY: cuDNN has written `count` results, at most the capacity that it was given.
    unsafe { results.set_len(usize::try_from(count).unwrap_or_default().min(MAX_ALGORITHMS)) };
    Ok(results.into_iter().map(Candidate::from).collect())
}

/// Factor of the result.
static ONE: f32 = 1.0;

fn alpha() -> ScalingFactor {
    (&raw const ONE).cast()
}

/// The forward pass: the output from input and weights.
pub(super) struct Forward;

impl Direction for Forward {
    type Algorithm = cudnnConvolutionFwdAlgo_t;
    const RESULT: Role = Role::Output;
    const FIND: &'static str = "cudnnFindConvolutionForwardAlgorithmEx";
    const RUN: &'static str = "cudnnConvolutionForward";
    const SIZE: &'static str = "cudnnGetConvolutionForwardWorkspaceSize";

    fn chosen(plan: &mut ConvPlan) -> &mut Option<Chosen<Self::Algorithm>> {
        &mut plan.forward
    }

    unsafe fn find(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>> {
        let (x, w, y) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), workspace.bytes());
        let Descriptors { input, weights, convolution, output } = descriptors;
        measured(|capacity, count, results| {
            // SAFETY: by the contract of this function; there is room for `capacity` results.
            unsafe {
                cudnnFindConvolutionForwardAlgorithmEx(
                    handle,
                    input.0,
                    x,
                    weights.0,
                    w,
                    convolution.0,
                    output.0,
                    y,
                    capacity,
                    count,
                    results,
                    scratch,
                    bytes,
                )
            }
            .result()
        })
    }

    unsafe fn workspace(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        algorithm: Self::Algorithm,
    ) -> CudnnResult<usize> {
        let Descriptors { input, weights, convolution, output } = descriptors;
        // SAFETY: by the contract of this function.
        unsafe {
            result::get_convolution_forward_workspace_size(
                handle,
                input.0,
                weights.0,
                convolution.0,
                output.0,
                algorithm,
            )
        }
    }

    unsafe fn run(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        beta: ScalingFactor,
    ) -> CudnnResult<()> {
        let (x, w, y) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), chosen.workspace);
        let Descriptors { input, weights, convolution, output } = descriptors;
        // SAFETY: by the contract of this function.
        unsafe {
            result::convolution_forward(
                handle,
                alpha(),
                input.0,
                x,
                weights.0,
                w,
                convolution.0,
                chosen.algorithm,
                scratch,
                bytes,
                beta,
                output.0,
                y,
            )
        }
    }
}

/// The gradient of the input from weights and output gradient.
pub(super) struct BackwardData;

impl Direction for BackwardData {
    type Algorithm = cudnnConvolutionBwdDataAlgo_t;
    const RESULT: Role = Role::Input;
    const FIND: &'static str = "cudnnFindConvolutionBackwardDataAlgorithmEx";
    const RUN: &'static str = "cudnnConvolutionBackwardData";
    const SIZE: &'static str = "cudnnGetConvolutionBackwardDataWorkspaceSize";

    fn chosen(plan: &mut ConvPlan) -> &mut Option<Chosen<Self::Algorithm>> {
        &mut plan.backward_data
    }

    unsafe fn find(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>> {
        let (dx, w, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), workspace.bytes());
        let Descriptors { input, weights, convolution, output } = descriptors;
        measured(|capacity, count, results| {
            // SAFETY: by the contract of this function; there is room for `capacity` results.
            unsafe {
                cudnnFindConvolutionBackwardDataAlgorithmEx(
                    handle,
                    weights.0,
                    w,
                    output.0,
                    dy,
                    convolution.0,
                    input.0,
                    dx,
                    capacity,
                    count,
                    results,
                    scratch,
                    bytes,
                )
            }
            .result()
        })
    }

    unsafe fn workspace(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        algorithm: Self::Algorithm,
    ) -> CudnnResult<usize> {
        let Descriptors { input, weights, convolution, output } = descriptors;
        // SAFETY: by the contract of this function.
        unsafe {
            result::get_convolution_backward_data_workspace_size(
                handle,
                weights.0,
                output.0,
                convolution.0,
                input.0,
                algorithm,
            )
        }
    }

    unsafe fn run(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        beta: ScalingFactor,
    ) -> CudnnResult<()> {
        let (dx, w, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), chosen.workspace);
        let Descriptors { input, weights, convolution, output } = descriptors;
        // SAFETY: by the contract of this function.
        unsafe {
            result::convolution_backward_data(
                handle,
                alpha(),
                weights.0,
                w,
                output.0,
                dy,
                convolution.0,
                chosen.algorithm,
                scratch,
                bytes,
                beta,
                input.0,
                dx,
            )
        }
    }
}

/// The gradient of the weights from input and output gradient.
pub(super) struct BackwardFilter;

impl Direction for BackwardFilter {
    type Algorithm = cudnnConvolutionBwdFilterAlgo_t;
    const RESULT: Role = Role::Weights;
    const FIND: &'static str = "cudnnFindConvolutionBackwardFilterAlgorithmEx";
    const RUN: &'static str = "cudnnConvolutionBackwardFilter";
    const SIZE: &'static str = "cudnnGetConvolutionBackwardFilterWorkspaceSize";

    fn chosen(plan: &mut ConvPlan) -> &mut Option<Chosen<Self::Algorithm>> {
        &mut plan.backward_filter
    }

    unsafe fn find(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>> {
        let (x, dw, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), workspace.bytes());
        let Descriptors { input, weights, convolution, output } = descriptors;
        measured(|capacity, count, results| {
            // SAFETY: by the contract of this function; there is room for `capacity` results.
            unsafe {
                cudnnFindConvolutionBackwardFilterAlgorithmEx(
                    handle,
                    input.0,
                    x,
                    output.0,
                    dy,
                    convolution.0,
                    weights.0,
                    dw,
                    capacity,
                    count,
                    results,
                    scratch,
                    bytes,
                )
            }
            .result()
        })
    }

    unsafe fn workspace(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        algorithm: Self::Algorithm,
    ) -> CudnnResult<usize> {
        let Descriptors { input, weights, convolution, output } = descriptors;
        // SAFETY: by the contract of this function.
        unsafe {
            result::get_convolution_backward_filter_workspace_size(
                handle,
                input.0,
                output.0,
                convolution.0,
                weights.0,
                algorithm,
            )
        }
    }

    unsafe fn run(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        beta: ScalingFactor,
    ) -> CudnnResult<()> {
        let (x, dw, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), chosen.workspace);
        let Descriptors { input, weights, convolution, output } = descriptors;
        // SAFETY: by the contract of this function.
        unsafe {
            result::convolution_backward_filter(
                handle,
                alpha(),
                input.0,
                x,
                output.0,
                dy,
                convolution.0,
                chosen.algorithm,
                scratch,
                bytes,
                beta,
                weights.0,
                dw,
            )
        }
    }
}
