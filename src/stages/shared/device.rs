//! Selection of the device: the only place that knows which devices exist.

#[cfg(not(feature = "cuda"))]
use super::no_cuda as cuda;
use crate::base::matmul;
use crate::base::{Error, Result};
use crate::engine::{Context, StageHardware, StageSummary};
#[cfg(feature = "cuda")]
use crate::nn::cuda;
use crate::nn::{DeviceReport, INFERENCE_ROWS, workspace};
use crate::stages::shared::cost::TrainingMemory;
use crate::study::DeviceChoice;
use crate::train::Compute;
use dfdx::prelude::Cpu;
use std::path::Path;
use std::sync::OnceLock;

/// File that exists if NVIDIA's driver is loaded, so that a binary with CUDA would find a GPU.
const NVIDIA_DRIVER: &str = "/proc/driver/nvidia/version";
/// Memory that cuBLAS, cuDNN and kernels, loaded when they are first used, allocate beside our pool, bytes.
const LIBRARY_MEMORY: u64 = 512 << 20;
/// The CUDA device of `auto` and `cuda`, unless this process is a rank that has taken another.
const FIRST: usize = 0;
/// The CUDA device that this rank has taken.
static TAKEN: OnceLock<usize> = OnceLock::new();

/// Work on a device of any type.
pub(crate) trait Work {
    /// Result of the work.
    type Output;

    /// Does the work.
    ///
    /// # Errors
    /// Whatever stops the work.
    fn on<D: Compute>(self, device: &D) -> Result<Self::Output>;
}

/// Does work on the requested device.
///
/// # Errors
/// The device is not available, or the work fails.
pub(crate) fn run<W: Work>(choice: DeviceChoice, work: W) -> Result<W::Output> {
    match cuda_number(choice)? {
        Some(number) => cuda::reporting(|| work.on(&cuda::open(number)?)),
        None => work.on(&Cpu::default()),
    }
}

/// Makes a CUDA device that of `auto` and `cuda` in this process, which is a rank; the first call decides.
pub(super) fn take(number: usize) {
    TAKEN.get_or_init(|| number);
}

/// Returns the CUDA device of `auto` and `cuda`.
fn own() -> usize {
    TAKEN.get().copied().unwrap_or(FIRST)
}

/// A stage that computes on a device.
pub(crate) trait DeviceStage {
    /// Returns the device on which it runs.
    fn device(&self) -> DeviceChoice;

    /// Computes the artifact, as [`Stage::run`](crate::engine::Stage::run).
    ///
    /// # Errors
    /// Whatever stops the work.
    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<StageSummary>;
}

/// Computes a stage on its device.
///
/// # Errors
/// The device is not available, or the stage fails.
pub(crate) fn compute<S: DeviceStage>(stage: &S, context: &Context<'_>) -> Result<StageSummary> {
    struct Computation<'a, S>(&'a S, &'a Context<'a>);

    impl<S: DeviceStage> Work for Computation<'_, S> {
        type Output = StageSummary;

        fn on<D: Compute>(self, device: &D) -> Result<StageSummary> {
            self.0.compute(device, self.1)
        }
    }

    let summary = run(stage.device(), Computation(stage, context));
    if let Some(note) = take_note() {
        context.note(note);
    }
    summary
}

/// Returns what a device has done in another way than requested in this thread since the last call.
pub(crate) fn take_note() -> Option<String> {
    cuda::take_note()
}

/// Returns a description of the requested device.
///
/// # Errors
/// It is not available.
pub(crate) fn report(choice: DeviceChoice) -> Result<DeviceReport> {
    match cuda_number(choice)? {
        Some(number) => cuda::report(number),
        None => Ok(DeviceReport::cpu()),
    }
}

/// Returns the number of images of this width and height in a batch of inference on the requested device.
pub(in crate::stages) fn inference_rows(choice: DeviceChoice, side: usize) -> usize {
    match cuda_number(choice) {
        Ok(Some(_)) => cuda::inference_rows(side),
        Ok(None) | Err(_) => INFERENCE_ROWS,
    }
}

/// Returns the hardware of a stage on the requested device.
pub(in crate::stages) fn hardware(choice: DeviceChoice) -> StageHardware {
    // Asked for each stage of a plan, and the report of a CPU reads its memory.
    let report = cuda_number(choice).ok().flatten().and_then(|number| cuda::report(number).ok());
    match report {
        Some(DeviceReport { model, .. }) => {
            StageHardware { processor: model, kernel: "cuda".to_owned(), ..StageHardware::cpu() }
        }
        None => StageHardware::cpu(),
    }
}

/// Returns the name of the requested device, for the record of a run.
pub(crate) fn name(choice: DeviceChoice) -> String {
    match (report(choice), choice) {
        (Ok(DeviceReport { name, .. }), _) if name == "cpu" => name,
        (Ok(DeviceReport { name, model, .. }), _) => format!("{name} ({model})"),
        (Err(_), DeviceChoice::Cuda(number)) => format!("cuda:{}", number.unwrap_or_else(own)),
        (Err(_), _) => "cpu".to_owned(),
    }
}

/// Returns why `auto` selects the CPU, if a user may have expected a GPU.
pub(crate) fn why_cpu(choice: DeviceChoice) -> Option<String> {
    let error = match choice {
        DeviceChoice::Auto => cuda::report(own()).err()?,
        DeviceChoice::Cpu | DeviceChoice::Cuda(_) => return None,
    };
    let may_expect_gpu = cfg!(feature = "cuda") || Path::new(NVIDIA_DRIVER).exists();
    may_expect_gpu.then(|| format!("training on the CPU: {}", error.what()))
}

/// Returns why a stage cannot be computed on the requested device: it is not available, or training does not fit into
/// its memory.
pub(in crate::stages) fn obstacle(choice: DeviceChoice, memory: Option<&TrainingMemory>) -> Option<Error> {
    match cuda_number(choice) {
        Ok(None) => None,
        Ok(Some(number)) => {
            let report = cuda::report(number).ok()?;
            let free = report.free?;
            memory?.too_large(&report.name, free.saturating_sub(workspace(free) + LIBRARY_MEMORY))
        }
        Err(error) => Some(error),
    }
}

/// Warns if the machine has too little free memory for a training run; the system may still free some.
pub(in crate::stages) fn warn_of_memory(choice: DeviceChoice, memory: Option<&TrainingMemory>, context: &Context<'_>) {
    let (Some(memory), Ok(None)) = (memory, cuda_number(choice)) else { return };
    let error = DeviceReport::cpu().free.and_then(|free| memory.too_large("this machine", free));
    if let Some(error) = error {
        context.warn(format!("{}: {}", error.what(), error.next_step().unwrap_or_default()));
    }
}

/// Returns the peak floating-point operations per second of the device, two per MAC, if they can be measured.
pub(in crate::stages) fn peak_flops(choice: DeviceChoice) -> Option<f64> {
    matches!(cuda_number(choice), Ok(None)).then(matmul::peak_flops)
}

/// Returns the number of the requested CUDA device; `None` for the CPU.
fn cuda_number(choice: DeviceChoice) -> Result<Option<usize>> {
    match choice {
        DeviceChoice::Cpu => Ok(None),
        // The other ranks have GPUs, too.
        DeviceChoice::Auto if TAKEN.get().is_some() => cuda::report(own()).map(|_| Some(own())),
        DeviceChoice::Auto => Ok(cuda::report(FIRST).is_ok().then_some(FIRST)),
        DeviceChoice::Cuda(number) => {
            let number = number.unwrap_or_else(own);
            cuda::report(number).map(|_| Some(number))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfdx::prelude::Storage;

    struct Name;

    impl Work for Name {
        type Output = &'static str;

        fn on<D: Compute>(self, _: &D) -> Result<&'static str> {
            Ok(std::any::type_name::<<D as Storage<f32>>::Vec>())
        }
    }

    #[test]
    fn the_cpu_is_always_available() {
        assert!(run(DeviceChoice::Cpu, Name).unwrap().contains("Vec"));
        assert_eq!(name(DeviceChoice::Cpu), "cpu");
        assert!(obstacle(DeviceChoice::Cpu, None).is_none());
        assert!(why_cpu(DeviceChoice::Cpu).is_none());
    }

    #[test]
    fn auto_always_selects_a_device() {
        let name = name(DeviceChoice::Auto);
        assert!(name == "cpu" || name.starts_with("cuda:0"), "{name}");
        assert!(obstacle(DeviceChoice::Auto, None).is_none());
        assert!(run(DeviceChoice::Auto, Name).is_ok());
    }

    #[test]
    fn an_unavailable_device_is_an_error_with_help() {
        let choice = DeviceChoice::Cuda(Some(4000));
        let error = run(choice, Name).unwrap_err();
        assert!(error.next_step().is_some(), "{error}");
        assert_eq!(obstacle(choice, None).unwrap().what(), error.what());
        assert!(report(choice).is_err());
        assert_eq!(name(choice), "cuda:4000");
    }
}
