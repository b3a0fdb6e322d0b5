//! The three directions of a convolution: for each, cuDNN's call that measures algorithms and the one that runs one.

use super::address::Address;
use super::algorithm::{Candidate, choose};
use super::dnn::{Case, Dnn, Known, Plan};
use super::gpu::Gpu;
use super::memory::Memory;
use super::status::Checked;
use crate::base::{Error, Result};
use cudarc::cudnn::result::{self, CudnnResult};
use cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionFwdAlgo_t,
    cudnnFindConvolutionBackwardDataAlgorithmEx, cudnnFindConvolutionBackwardFilterAlgorithmEx,
    cudnnFindConvolutionForwardAlgorithmEx, cudnnHandle_t,
};
use std::ffi::{c_int, c_void};

/// Algorithms that a search may give: more than there are.
const MOST: usize = 32;

/// Bytes that an algorithm may use beside its operands.
const WORKSPACE: usize = 1 << 30;

/// The arrays of a convolution: two are read, the third is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    pub(super) input: Address<'a>,
    pub(super) weights: Address<'a>,
    pub(super) output: Address<'a>,
}

/// Factor of what is there already, as cuDNN wants it.
type Factor = *const c_void;

/// A way through a convolution.
pub(super) trait Direction {
    /// cuDNN's names of the algorithms.
    type Algorithm: Copy;
    /// The call that measures.
    const FIND: &'static str;
    /// The call that runs.
    const RUN: &'static str;

    /// Where the chosen algorithm is kept.
    fn chosen(known: &mut Known) -> &mut Option<Candidate<Self::Algorithm>>;

    /// The operands with another place for what is written.
    fn writing<'a>(operands: Operands<'a>, to: Address<'a>) -> Operands<'a>;

    /// Measures all algorithms within a workspace.
    ///
    /// # Safety
    /// Handle and plan live, and the operands are as the plan describes them.
    unsafe fn find(
        handle: cudnnHandle_t,
        plan: &Plan,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>>;

    /// Queues one algorithm.
    ///
    /// # Safety
    /// As [`Direction::find`]; the workspace is as large as the algorithm wants it.
    unsafe fn run(
        handle: cudnnHandle_t,
        plan: &Plan,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        keep: Factor,
    ) -> CudnnResult<()>;
}

/// Queues a convolution in one direction; with `keep` the result is added to the `written` bytes that are there.
pub(super) fn run<D: Direction>(
    gpu: &Gpu,
    case: &Case,
    operands: Operands<'_>,
    keep: bool,
    written: usize,
) -> Result<()> {
    let mut dnn = gpu.dnn()?;
    let Dnn { handle, workspace, cases } = &mut *dnn;
    let known = cases.of(case)?;
    let chosen = match *D::chosen(known) {
        Some(chosen) => chosen,
        None => {
            // Measuring writes the result many times.
            let spare = if keep { Some(Memory::new(gpu, written)?) } else { None };
            let operands = spare.as_ref().map_or(operands, |spare| D::writing(operands, spare.address()));
            let found = search::<D>(gpu, *handle, &known.plan, case, operands)?;
            *D::chosen(known).insert(found)
        }
    };
    known.plan.multiply_with(chosen.math)?;
    let workspace = workspace.of(gpu, chosen.workspace)?;
    let factor: f32 = if keep { 1.0 } else { 0.0 };
    // SAFETY: handle and plan live under the lock, the operands have the case's sizes by contract, the workspace was
    // just made large enough.
    unsafe { D::run(*handle, &known.plan, operands, &chosen, workspace, (&raw const factor).cast()) }.checked(D::RUN)
}

fn search<D: Direction>(
    gpu: &Gpu,
    handle: cudnnHandle_t,
    plan: &Plan,
    case: &Case,
    operands: Operands<'_>,
) -> Result<Candidate<D::Algorithm>> {
    let (free, _) = gpu.memory()?;
    let bytes = WORKSPACE.min(usize::try_from(free / 4).unwrap_or(WORKSPACE));
    let workspace = Memory::new(gpu, bytes)?;
    // SAFETY: handle and plan live, and the operands have the case's sizes by contract.
    let measured = unsafe { D::find(handle, plan, operands, &workspace) }.checked(D::FIND)?;
    choose(&measured, case.precision, bytes).ok_or_else(|| {
        let Case { shape, rows, precision, .. } = case;
        Error::stage(format!(
            "{} finds no algorithm for {rows} maps of {}x{} pixels, {} to {} channels by {}x{}, in {precision:?}",
            D::FIND,
            shape.side,
            shape.side,
            shape.inputs,
            shape.outputs,
            shape.kernel,
            shape.kernel
        ))
        .help("use a smaller batch, a width that makes channels multiples of 8, or another precision")
    })
}

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
