//! The forward pass by cuDNN.

use crate::nn::cuda::algorithm::{Candidate, Chosen};
use crate::nn::cuda::cudnn::{ConvPlan, Descriptors};
use crate::nn::cuda::direction::{Direction, Operands, Role, ScalingFactor};
use crate::nn::cuda::directions::{alpha, measured};
use crate::nn::cuda::memory::Memory;
use cudarc::cudnn::result::{self, CudnnResult};
use cudarc::cudnn::sys::{cudnnConvolutionFwdAlgo_t, cudnnFindConvolutionForwardAlgorithmEx, cudnnHandle_t};

/// The forward pass: the output from input and weights.
pub(in crate::nn::cuda) struct Forward;

impl Direction for Forward {
    type Algorithm = cudnnConvolutionFwdAlgo_t;
    const ALGORITHMS: &'static [Self::Algorithm] = &[
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_GEMM,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_DIRECT,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_FFT,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD,
        cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED,
    ];
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
        measured(Self::ALGORITHMS, |capacity, count, results| {
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
