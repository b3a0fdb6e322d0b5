//! A direction through a convolution: measuring its algorithms once a case, then running the chosen one.

use super::address::Address;
use super::algorithm::{Candidate, choose};
use super::dnn::{Case, Dnn, Known, Plan};
use super::gpu::Gpu;
use super::memory::Memory;
use super::status::Checked;
use crate::base::{Error, Result};
use crate::nn::workspace;
use cudarc::cudnn::result::CudnnResult;
use cudarc::cudnn::sys::cudnnHandle_t;
use std::ffi::c_void;

/// The arrays of a convolution: two are read, the third is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    pub(super) input: Address<'a>,
    pub(super) weights: Address<'a>,
    pub(super) output: Address<'a>,
}

/// Factor of what is there already, as cuDNN wants it.
pub(super) type Factor = *const c_void;

/// A way through a convolution.
pub(super) trait Direction {
    /// cuDNN's names of the algorithms.
    type Algorithm: Copy;
    /// The call that measures.
    const FIND: &'static str;
    /// The call that runs.
    const RUN: &'static str;
    /// The call that says how large a workspace must be.
    const SIZE: &'static str;

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

    /// Bytes of workspace that an algorithm needs as it is to multiply.
    ///
    /// # Safety
    /// Handle and plan live.
    unsafe fn workspace(handle: cudnnHandle_t, plan: &Plan, algorithm: Self::Algorithm) -> CudnnResult<usize>;

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
            let buffers = if keep { Some(Memory::new(gpu, written)?) } else { None };
            let operands = buffers.as_ref().map_or(operands, |buffers| D::writing(operands, buffers.address()));
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
    let bytes = usize::try_from(workspace(free)).unwrap_or(usize::MAX);
    let workspace = Memory::new(gpu, bytes)?;
    // SAFETY: handle and plan live, and the operands have the case's sizes by contract.
    let measured = unsafe { D::find(handle, plan, operands, &workspace) }.checked(D::FIND)?;
    let mut chosen = choose(&measured, case.precision, bytes).ok_or_else(|| unsupported::<D>(case))?;
    plan.multiply_with(chosen.math)?;
    // SAFETY: handle and plan live.
    chosen.workspace = unsafe { D::workspace(handle, plan, chosen.algorithm) }.checked(D::SIZE)?;
    Ok(chosen)
}

fn unsupported<D: Direction>(case: &Case) -> Error {
    let Case { shape, rows, precision, .. } = case;
    let (side, kernel) = (shape.side, shape.kernel);
    Error::stage(format!(
        "{} finds no algorithm for {rows} maps of {side}x{side} pixels, {} to {} channels by {kernel}x{kernel}, in \
         {precision:?}",
        D::FIND,
        shape.inputs,
        shape.outputs
    ))
    .help("use a smaller batch, a width that makes channels multiples of 8, or another precision")
}
