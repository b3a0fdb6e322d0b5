//! The gradient of the input by cuDNN.

use crate::nn::cuda::algorithm::{Candidate, Chosen};
use crate::nn::cuda::cudnn::{ConvPlan, Descriptors};
use crate::nn::cuda::direction::{Direction, Operands, Role, ScalingFactor};
use crate::nn::cuda::directions::{alpha, measured};
use crate::nn::cuda::memory::Memory;
use cudarc::cudnn::result::{self, CudnnResult};
use cudarc::cudnn::sys::{cudnnConvolutionBwdDataAlgo_t, cudnnFindConvolutionBackwardDataAlgorithmEx, cudnnHandle_t};

/// The gradient of the input from weights and output gradient.
pub(in crate::nn::cuda) struct BackwardData;

impl Direction for BackwardData {
    type Algorithm = cudnnConvolutionBwdDataAlgo_t;
    const ALGORITHMS: &'static [Self::Algorithm] = &[
        cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_0,
        cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
        cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT,
        cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING,
        cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD,
        cudnnConvolutionBwdDataAlgo_t::CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED,
    ];
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
        measured(Self::ALGORITHMS, |capacity, count, results| {
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
