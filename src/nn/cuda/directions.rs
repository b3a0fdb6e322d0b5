//! The three directions of a convolution: for each, cuDNN's call that measures algorithms and the one that runs one.

use super::address::Address;
use super::algorithm::Candidate;
use super::direction::{Direction, Factor, Operands};
use super::dnn::{Known, Plan};
use super::memory::Memory;
use cudarc::cudnn::result::{self, CudnnResult};
use cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionFwdAlgo_t,
    cudnnFindConvolutionBackwardDataAlgorithmEx, cudnnFindConvolutionBackwardFilterAlgorithmEx,
    cudnnFindConvolutionForwardAlgorithmEx, cudnnHandle_t,
};
use std::ffi::c_int;

/// Algorithms that a search may give: more than there are.
const MOST: usize = 32;

/// Calls a measuring function with room for its results.
fn measured<P, A>(find: impl FnOnce(c_int, *mut c_int, *mut P) -> CudnnResult<()>) -> CudnnResult<Vec<Candidate<A>>>
where
    Candidate<A>: From<P>,
{
    let mut count = 0;
    let mut results: Vec<P> = Vec::with_capacity(MOST);
    find(MOST as c_int, &raw mut count, results.as_mut_ptr())?;
    // SAFETY: cuDNN has written `count` results, at most as many as it was told there is room for.
    unsafe { results.set_len(usize::try_from(count).unwrap_or_default().min(MOST)) };
    Ok(results.into_iter().map(Candidate::from).collect())
}

/// Factor of the result.
static ONE: f32 = 1.0;

fn one() -> Factor {
    (&raw const ONE).cast()
}

/// Input and weights to the output.
pub(super) struct Forward;

impl Direction for Forward {
    type Algorithm = cudnnConvolutionFwdAlgo_t;
    const FIND: &'static str = "cudnnFindConvolutionForwardAlgorithmEx";
    const RUN: &'static str = "cudnnConvolutionForward";
    const SIZE: &'static str = "cudnnGetConvolutionForwardWorkspaceSize";

    fn chosen(known: &mut Known) -> &mut Option<Candidate<Self::Algorithm>> {
        &mut known.forward
    }

    fn writing<'a>(operands: Operands<'a>, to: Address<'a>) -> Operands<'a> {
        Operands { output: to, ..operands }
    }

    unsafe fn find(
        handle: cudnnHandle_t,
        plan: &Plan,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>> {
        let (x, w, y) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), workspace.bytes());
        let Plan { input, weights, convolution, output } = plan;
        measured(|most, count, results| {
            // SAFETY: by the contract of this function; there is room for `most` results.
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
                    most,
                    count,
                    results,
                    scratch,
                    bytes,
                )
            }
            .result()
        })
    }

    unsafe fn workspace(handle: cudnnHandle_t, plan: &Plan, algorithm: Self::Algorithm) -> CudnnResult<usize> {
        let Plan { input, weights, convolution, output } = plan;
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
        plan: &Plan,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        keep: Factor,
    ) -> CudnnResult<()> {
        let (x, w, y) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), chosen.workspace);
        let Plan { input, weights, convolution, output } = plan;
        // SAFETY: by the contract of this function.
        unsafe {
            result::convolution_forward(
                handle,
                one(),
                input.0,
                x,
                weights.0,
                w,
                convolution.0,
                chosen.algorithm,
                scratch,
                bytes,
                keep,
                output.0,
                y,
            )
        }
    }
}

/// Weights and the output's gradient to the input's.
pub(super) struct ToInput;

impl Direction for ToInput {
    type Algorithm = cudnnConvolutionBwdDataAlgo_t;
    const FIND: &'static str = "cudnnFindConvolutionBackwardDataAlgorithmEx";
    const RUN: &'static str = "cudnnConvolutionBackwardData";
    const SIZE: &'static str = "cudnnGetConvolutionBackwardDataWorkspaceSize";

    fn chosen(known: &mut Known) -> &mut Option<Candidate<Self::Algorithm>> {
        &mut known.input
    }

    fn writing<'a>(operands: Operands<'a>, to: Address<'a>) -> Operands<'a> {
        Operands { input: to, ..operands }
    }

    unsafe fn find(
        handle: cudnnHandle_t,
        plan: &Plan,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>> {
        let (dx, w, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), workspace.bytes());
        let Plan { input, weights, convolution, output } = plan;
        measured(|most, count, results| {
            // SAFETY: by the contract of this function; there is room for `most` results.
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
                    most,
                    count,
                    results,
                    scratch,
                    bytes,
                )
            }
            .result()
        })
    }

    unsafe fn workspace(handle: cudnnHandle_t, plan: &Plan, algorithm: Self::Algorithm) -> CudnnResult<usize> {
        let Plan { input, weights, convolution, output } = plan;
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
        plan: &Plan,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        keep: Factor,
    ) -> CudnnResult<()> {
        let (dx, w, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), chosen.workspace);
        let Plan { input, weights, convolution, output } = plan;
        // SAFETY: by the contract of this function.
        unsafe {
            result::convolution_backward_data(
                handle,
                one(),
                weights.0,
                w,
                output.0,
                dy,
                convolution.0,
                chosen.algorithm,
                scratch,
                bytes,
                keep,
                input.0,
                dx,
            )
        }
    }
}

/// Input and the output's gradient to that of the weights.
pub(super) struct ToWeights;

impl Direction for ToWeights {
    type Algorithm = cudnnConvolutionBwdFilterAlgo_t;
    const FIND: &'static str = "cudnnFindConvolutionBackwardFilterAlgorithmEx";
    const RUN: &'static str = "cudnnConvolutionBackwardFilter";
    const SIZE: &'static str = "cudnnGetConvolutionBackwardFilterWorkspaceSize";

    fn chosen(known: &mut Known) -> &mut Option<Candidate<Self::Algorithm>> {
        &mut known.weights
    }

    fn writing<'a>(operands: Operands<'a>, to: Address<'a>) -> Operands<'a> {
        Operands { weights: to, ..operands }
    }

    unsafe fn find(
        handle: cudnnHandle_t,
        plan: &Plan,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>> {
        let (x, dw, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), workspace.bytes());
        let Plan { input, weights, convolution, output } = plan;
        measured(|most, count, results| {
            // SAFETY: by the contract of this function; there is room for `most` results.
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
                    most,
                    count,
                    results,
                    scratch,
                    bytes,
                )
            }
            .result()
        })
    }

    unsafe fn workspace(handle: cudnnHandle_t, plan: &Plan, algorithm: Self::Algorithm) -> CudnnResult<usize> {
        let Plan { input, weights, convolution, output } = plan;
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
        plan: &Plan,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        keep: Factor,
    ) -> CudnnResult<()> {
        let (x, dw, dy) = (operands.input.pointer(), operands.weights.pointer(), operands.output.pointer());
        let (scratch, bytes) = (workspace.address().pointer(), chosen.workspace);
        let Plan { input, weights, convolution, output } = plan;
        // SAFETY: by the contract of this function.
        unsafe {
            result::convolution_backward_filter(
                handle,
                one(),
                input.0,
                x,
                output.0,
                dy,
                convolution.0,
                chosen.algorithm,
                scratch,
                bytes,
                keep,
                weights.0,
                dw,
            )
        }
    }
}
