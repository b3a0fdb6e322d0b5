//! A direction of a convolution: measures the algorithms once per problem, then runs the chosen one.

use super::address::Address;
use super::algorithm::{Candidate, Chosen, choose};
use super::cudnn::{ConvPlan, ConvProblem, Cudnn, Descriptors};
use super::gpu::Gpu;
use super::grid::Grid;
use super::memory::Memory;
use super::status::Checked;
use super::{kernels, notes};
use crate::base::{Error, Result};
use crate::nn::{Precision, workspace};
use cudarc::cudnn::result::{CudnnError, CudnnResult};
use cudarc::cudnn::sys::{cudnnHandle_t, cudnnStatus_t};
use std::ffi::c_void;

/// The arrays of a convolution, of which two are read and the third is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    pub(super) input: Address<'a>,
    pub(super) weights: Address<'a>,
    pub(super) output: Address<'a>,
}

impl<'a> Operands<'a> {
    fn of(&mut self, role: Role) -> &mut Address<'a> {
        match role {
            Role::Input => &mut self.input,
            Role::Weights => &mut self.weights,
            Role::Output => &mut self.output,
        }
    }
}

/// One of the arrays of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Input,
    Weights,
    Output,
}

/// cuDNN's alpha or beta: a pointer to an f32.
pub(super) type ScalingFactor = *const c_void;

/// Forward pass, gradient of the input, or gradient of the weights.
pub(super) trait Direction {
    /// cuDNN's enumeration of the algorithms.
    type Algorithm: Copy + 'static;
    /// Its known values, by number.
    const ALGORITHMS: &'static [Self::Algorithm];
    /// The array that is written.
    const RESULT: Role;
    /// Name of the call that measures.
    const FIND: &'static str;
    /// Name of the call that runs.
    const RUN: &'static str;
    /// Name of the call that returns the size of the workspace.
    const SIZE: &'static str;

    /// Returns the slot of the chosen algorithm.
    fn chosen(plan: &mut ConvPlan) -> &mut Option<Chosen<Self::Algorithm>>;

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

/// Queues a convolution in one direction; adds to the result if `accumulate` is set.
pub(super) fn run<D: Direction>(
    gpu: &Gpu,
    problem: &ConvProblem,
    operands: Operands<'_>,
    accumulate: bool,
) -> Result<()> {
    match chosen::<D>(gpu, problem, operands, accumulate)? {
        Chosen::Algorithm(algorithm) => run_algorithm::<D>(gpu, problem, operands, accumulate, &algorithm),
        Chosen::InTf32 => in_tf32::<D>(gpu, problem, operands, accumulate),
    }
}

fn run_algorithm<D: Direction>(
    gpu: &Gpu,
    problem: &ConvProblem,
    operands: Operands<'_>,
    accumulate: bool,
    algorithm: &Candidate<D::Algorithm>,
) -> Result<()> {
    let mut cudnn = gpu.cudnn()?;
    let Cudnn { handle, workspace, plans } = &mut *cudnn;
    let descriptors = &plans.of(problem)?.descriptors;
    descriptors.set_math(algorithm.math)?;
    let workspace = workspace.of(gpu, algorithm.workspace)?;
    let beta: f32 = if accumulate { 1.0 } else { 0.0 };
    // SAFETY: handle and descriptors are alive under the lock, the operands have the sizes of the problem by contract,
    // and the workspace is large enough.
    unsafe { D::run(*handle, descriptors, operands, algorithm, workspace, (&raw const beta).cast()) }.checked(D::RUN)
}

/// Returns the algorithm of a convolution, at the first call after a search. A smaller batch, such as the last one of
/// an evaluation, takes that of a larger one.
fn chosen<D: Direction>(
    gpu: &Gpu,
    problem: &ConvProblem,
    operands: Operands<'_>,
    accumulate: bool,
) -> Result<Chosen<D::Algorithm>> {
    let mut cudnn = gpu.cudnn()?;
    let Cudnn { handle, plans, .. } = &mut *cudnn;
    if let Some(chosen) = *D::chosen(plans.of(problem)?) {
        return Ok(chosen);
    }
    let larger = plans.of_larger_batch(problem, D::chosen);
    let plan = plans.of(problem)?;
    let reused = match larger {
        Some(Chosen::Algorithm(algorithm)) => sized::<D>(*handle, &plan.descriptors, algorithm).ok(),
        Some(Chosen::InTf32) | None => None,
    };
    let found = match reused {
        Some(algorithm) => Chosen::Algorithm(algorithm),
        None => {
            let mut operands = operands;
            // Measuring overwrites the result many times.
            let scratch = if accumulate { Some(Memory::new(gpu, result_bytes::<D>(problem))?) } else { None };
            if let Some(scratch) = &scratch {
                *operands.of(D::RESULT) = scratch.address();
            }
            search::<D>(gpu, *handle, &plan.descriptors, problem, operands)?
        }
    };
    Ok(*D::chosen(plan).insert(found))
}

/// Returns the algorithm with the arithmetic of the descriptors set, and the workspace that it then needs.
fn sized<D: Direction>(
    handle: cudnnHandle_t,
    descriptors: &Descriptors,
    mut algorithm: Candidate<D::Algorithm>,
) -> Result<Candidate<D::Algorithm>> {
    descriptors.set_math(algorithm.math)?;
    // SAFETY: handle and descriptors are alive.
    algorithm.workspace = unsafe { D::workspace(handle, descriptors, algorithm.algorithm) }.checked(D::SIZE)?;
    Ok(algorithm)
}

fn search<D: Direction>(
    gpu: &Gpu,
    handle: cudnnHandle_t,
    descriptors: &Descriptors,
    problem: &ConvProblem,
    operands: Operands<'_>,
) -> Result<Chosen<D::Algorithm>> {
    let (free, _) = gpu.memory()?;
    let bytes = usize::try_from(workspace(free)).unwrap_or(usize::MAX);
    let workspace = Memory::new(gpu, bytes)?;
    // SAFETY: handle and descriptors are alive, and the operands have the sizes of the problem by contract.
    let find = || unsafe { D::find(handle, descriptors, operands, &workspace) };
    // The first time, the driver loads each kernel while it is measured.
    let measured = match find().and_then(|_| find()) {
        Err(CudnnError(cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED)) => Vec::new(),
        measured => measured.checked(D::FIND)?,
    };
    match choose(&measured, problem.precision, bytes) {
        Some(algorithm) => Ok(Chosen::Algorithm(sized::<D>(handle, descriptors, algorithm)?)),
        None if problem.precision == Precision::Bf16 => {
            notes::runs_in_tf32(no_algorithm::<D>(problem));
            Ok(Chosen::InTf32)
        }
        None => Err(Error::stage(no_algorithm::<D>(problem))
            .help("use a smaller batch, a width for which the channels are multiples of 8, or another precision")),
    }
}

/// Queues a bf16 convolution in TF32, on converted copies of its operands.
fn in_tf32<D: Direction>(gpu: &Gpu, problem: &ConvProblem, mut operands: Operands<'_>, accumulate: bool) -> Result<()> {
    let wide_problem = ConvProblem { precision: Precision::Tf32, ..*problem };
    let [inputs, weights, outputs] = problem.lengths();
    let result = *operands.of(D::RESULT);
    let widened = |from: Address<'_>, length: usize| {
        let wide = Memory::new(gpu, length * size_of::<f32>())?;
        if from != result || accumulate {
            kernels::to_f32(gpu, Grid::over(length, 2048)?, from, length as i64, wide.address())?;
        }
        Ok(wide)
    };
    let input = widened(operands.input, inputs)?;
    let filter = widened(operands.weights, weights)?;
    let output = widened(operands.output, outputs)?;
    let mut wide = Operands { input: input.address(), weights: filter.address(), output: output.address() };
    run::<D>(gpu, &wide_problem, wide, accumulate)?;
    let length = result_bytes::<D>(&wide_problem) / size_of::<f32>();
    kernels::to_bf16(gpu, Grid::over(length, 2048)?, *wide.of(D::RESULT), length as i64, result)
}

/// Returns the size of the array that a direction writes.
fn result_bytes<D: Direction>(problem: &ConvProblem) -> usize {
    let [input, weights, output] = problem.lengths();
    let length = match D::RESULT {
        Role::Input => input,
        Role::Weights => weights,
        Role::Output => output,
    };
    length * problem.precision.bytes() as usize
}

fn no_algorithm<D: Direction>(problem: &ConvProblem) -> String {
    let ConvProblem { shape, rows, precision, .. } = problem;
    let (side, kernel) = (shape.side, shape.kernel);
    format!(
        "{} finds no algorithm for a {kernel}x{kernel} convolution of {rows} maps of {side}x{side} pixels, {} to {} \
         channels, in {precision:?}",
        D::FIND,
        shape.inputs,
        shape.outputs
    )
}
