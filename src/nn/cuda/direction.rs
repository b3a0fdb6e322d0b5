//! A direction of a convolution: measures the algorithms once per problem, then runs the chosen one.

use super::address::Address;
use super::algorithm::{Candidate, choose};
use super::cudnn::{ConvPlan, ConvProblem, Cudnn, Descriptors};
use super::gpu::Gpu;
use super::memory::Memory;
use super::status::Checked;
use crate::base::{Error, Result};
use crate::nn::workspace;
use cudarc::cudnn::result::CudnnResult;
use cudarc::cudnn::sys::cudnnHandle_t;
use std::ffi::c_void;

/// The arrays of a convolution, of which two are read and the third is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    pub(super) input: Address<'a>,
    pub(super) weights: Address<'a>,
    pub(super) output: Address<'a>,
}

/// cuDNN's alpha or beta: a pointer to an f32.
pub(super) type ScalingFactor = *const c_void;

/// Forward pass, gradient of the input, or gradient of the weights.
pub(super) trait Direction {
    /// cuDNN's enumeration of the algorithms.
    type Algorithm: Copy;
    /// Name of the call that measures.
    const FIND: &'static str;
    /// Name of the call that runs.
    const RUN: &'static str;
    /// Name of the call that returns the size of the workspace.
    const SIZE: &'static str;

    /// Returns the slot of the chosen algorithm.
    fn chosen(plan: &mut ConvPlan) -> &mut Option<Candidate<Self::Algorithm>>;

    /// Returns the operands with another address for the result.
    fn writing_to<'a>(operands: Operands<'a>, to: Address<'a>) -> Operands<'a>;

    /// Measures all algorithms within a workspace.
    ///
    /// # Safety
    /// Handle and descriptors are alive, and the operands match the descriptors.
    unsafe fn find(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        workspace: &Memory,
    ) -> CudnnResult<Vec<Candidate<Self::Algorithm>>>;

    /// Returns the workspace that an algorithm needs with the arithmetic of the descriptors, bytes.
    ///
    /// # Safety
    /// Handle and descriptors are alive.
    unsafe fn workspace(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        algorithm: Self::Algorithm,
    ) -> CudnnResult<usize>;

    /// Queues one algorithm.
    ///
    /// # Safety
    /// As for [`Direction::find`]; the workspace is as large as the algorithm needs.
    unsafe fn run(
        handle: cudnnHandle_t,
        descriptors: &Descriptors,
        operands: Operands<'_>,
        chosen: &Candidate<Self::Algorithm>,
        workspace: &Memory,
        beta: ScalingFactor,
    ) -> CudnnResult<()>;
}

/// Queues a convolution in one direction; adds the result to the output, of `output_bytes`, if `accumulate` is set.
pub(super) fn run<D: Direction>(
    gpu: &Gpu,
    problem: &ConvProblem,
    operands: Operands<'_>,
    accumulate: bool,
    output_bytes: usize,
) -> Result<()> {
    let mut cudnn = gpu.cudnn()?;
    let Cudnn { handle, workspace, plans } = &mut *cudnn;
    let plan = plans.of(problem)?;
    let chosen = match *D::chosen(plan) {
        Some(chosen) => chosen,
        None => {
            // Measuring overwrites the result many times.
            let scratch = if accumulate { Some(Memory::new(gpu, output_bytes)?) } else { None };
            let operands = scratch.as_ref().map_or(operands, |scratch| D::writing_to(operands, scratch.address()));
            let found = search::<D>(gpu, *handle, &plan.descriptors, problem, operands)?;
            *D::chosen(plan).insert(found)
        }
    };
    plan.descriptors.set_math(chosen.math)?;
    let workspace = workspace.of(gpu, chosen.workspace)?;
    let beta: f32 = if accumulate { 1.0 } else { 0.0 };
    // SAFETY: handle and descriptors are alive under the lock, the operands have the sizes of the problem by contract,
    // and the workspace is large enough.
    unsafe { D::run(*handle, &plan.descriptors, operands, &chosen, workspace, (&raw const beta).cast()) }
        .checked(D::RUN)
}

fn search<D: Direction>(
    gpu: &Gpu,
    handle: cudnnHandle_t,
    descriptors: &Descriptors,
    problem: &ConvProblem,
    operands: Operands<'_>,
) -> Result<Candidate<D::Algorithm>> {
    let (free, _) = gpu.memory()?;
    let bytes = usize::try_from(workspace(free)).unwrap_or(usize::MAX);
    let workspace = Memory::new(gpu, bytes)?;
    // SAFETY: handle and descriptors are alive, and the operands have the sizes of the problem by contract.
    let measured = unsafe { D::find(handle, descriptors, operands, &workspace) }.checked(D::FIND)?;
    let mut chosen = choose(&measured, problem.precision, bytes).ok_or_else(|| unsupported::<D>(problem))?;
    descriptors.set_math(chosen.math)?;
    // SAFETY: handle and descriptors are alive.
    chosen.workspace = unsafe { D::workspace(handle, descriptors, chosen.algorithm) }.checked(D::SIZE)?;
    Ok(chosen)
}

fn unsupported<D: Direction>(problem: &ConvProblem) -> Error {
    let ConvProblem { shape, rows, precision, .. } = problem;
    let (side, kernel) = (shape.side, shape.kernel);
    Error::stage(format!(
        "{} finds no algorithm for a {kernel}x{kernel} convolution of {rows} maps of {side}x{side} pixels, {} to {} \
         channels, in {precision:?}",
        D::FIND,
        shape.inputs,
        shape.outputs
    ))
    .help("use a smaller batch, a width for which the channels are multiples of 8, or another precision")
}
