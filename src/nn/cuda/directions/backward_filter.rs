//! The gradient of the weights by cuDNN.

use crate::nn::cuda::algorithm::{Candidate, Chosen};
use crate::nn::cuda::cudnn::{ConvPlan, Descriptors};
use crate::nn::cuda::direction::{Direction, Operands, Role, ScalingFactor};
use crate::nn::cuda::directions::{alpha, measured};
use crate::nn::cuda::memory::Memory;
use cudarc::cudnn::result::{self, CudnnResult};
use cudarc::cudnn::sys::{
    cudnnConvolutionBwdFilterAlgo_t, cudnnFindConvolutionBackwardFilterAlgorithmEx, cudnnHandle_t,
};

/// The gradient of the weights from input and output gradient.
pub(in crate::nn::cuda) struct BackwardFilter;

impl Direction for BackwardFilter {
    type Algorithm = cudnnConvolutionBwdFilterAlgo_t;
    const ALGORITHMS: &'static [Self::Algorithm] = &[
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0,
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1,
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT,
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3,
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD,
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
        cudnnConvolutionBwdFilterAlgo_t::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING,
    ];
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
        measured(Self::ALGORITHMS, |capacity, count, results| {
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
