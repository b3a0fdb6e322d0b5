//! The one place where the device is chosen.

#[cfg(not(feature = "cuda"))]
use super::no_cuda as cuda;
use crate::base::matmul;
use crate::base::{Error, Result};
use crate::engine::{Context, StageSummary};
#[cfg(feature = "cuda")]
use crate::nn::cuda;
use crate::nn::{DeviceReport, workspace};
use crate::stages::shared::cost::TrainingMemory;
use crate::study::DeviceChoice;
use crate::train::Compute;
use dfdx::prelude::Cpu;
use std::path::Path;

/// Is there where NVIDIA's driver is loaded, so that a binary with CUDA would find a GPU.
const NVIDIA_DRIVER: &str = "/proc/driver/nvidia/version";
/// The CUDA device that `auto` tries.
const FIRST: usize = 0;

/// Something to do on a device, whichever it is.
pub trait Work {
    /// What comes of it.
    type Output;

    /// Does it.
    ///
    /// # Errors
    /// Whatever stops the work.
    fn on<D: Compute>(self, device: &D) -> Result<Self::Output>;
}

/// Does a work on the device asked for.
///
/// # Errors
/// The device is not there, or those of the work.
pub fn run<W: Work>(choice: DeviceChoice, work: W) -> Result<W::Output> {
    match cuda_number(choice)? {
        Some(number) => work.on(&cuda::open(number)?),
        None => work.on(&Cpu::default()),
    }
}

/// A stage that computes on a device.
pub trait DeviceStage {
    /// Where it runs.
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
/// The device is not there, or those of the stage.
pub fn compute<S: DeviceStage>(stage: &S, context: &Context<'_>) -> Result<StageSummary> {
    struct Computation<'a, S>(&'a S, &'a Context<'a>);

    impl<S: DeviceStage> Work for Computation<'_, S> {
        type Output = StageSummary;

        fn on<D: Compute>(self, device: &D) -> Result<StageSummary> {
            self.0.compute(device, self.1)
        }
    }

    run(stage.device(), Computation(stage, context))
}

/// What the device asked for is.
///
/// # Errors
/// It is not there.
pub fn report(choice: DeviceChoice) -> Result<DeviceReport> {
    match cuda_number(choice)? {
        Some(number) => cuda::report(number),
        None => Ok(DeviceReport::cpu()),
    }
}

/// Name of the device that a choice means, for the record of a run.
pub fn name(choice: DeviceChoice) -> String {
    match (report(choice), choice) {
        (Ok(DeviceReport { name, .. }), _) if name == "cpu" => name,
        (Ok(DeviceReport { name, model, .. }), _) => format!("{name} ({model})"),
        (Err(_), DeviceChoice::Cuda(number)) => format!("cuda:{number}"),
        (Err(_), _) => "cpu".to_owned(),
    }
}

/// Why `auto` means the CPU, where a user may have hoped for a GPU.
pub fn why_cpu(choice: DeviceChoice) -> Option<String> {
    let error = match choice {
        DeviceChoice::Auto => cuda::report(FIRST).err()?,
        DeviceChoice::Cpu | DeviceChoice::Cuda(_) => return None,
    };
    let hoped = cfg!(feature = "cuda") || Path::new(NVIDIA_DRIVER).exists();
    hoped.then(|| format!("training on the CPU: {}", error.what()))
}

/// Why a stage cannot be computed on the device asked for: it is not there, or a training does not fit it.
pub(in crate::stages) fn obstacle(choice: DeviceChoice, memory: Option<&TrainingMemory>) -> Option<Error> {
    match cuda_number(choice) {
        Ok(None) => None,
        Ok(Some(number)) => {
            let report = cuda::report(number).ok()?;
            let free = report.free?;
            memory?.too_large(&report.name, free - workspace(free))
        }
        Err(error) => Some(error),
    }
}

/// Tells of a training that the machine's free memory is not enough for; the system may still find some.
pub(in crate::stages) fn warn_of_memory(choice: DeviceChoice, memory: Option<&TrainingMemory>, context: &Context<'_>) {
    let (Some(memory), Ok(None)) = (memory, cuda_number(choice)) else { return };
    let error = DeviceReport::cpu().free.and_then(|free| memory.too_large("this machine", free));
    if let Some(error) = error {
        context.warn(format!("{}: {}", error.what(), error.next_step().unwrap_or_default()));
    }
}

/// Multiply-adds, two operations each, that the device can do in a second, where that can be measured.
pub(in crate::stages) fn peak_flops(choice: DeviceChoice) -> Option<f64> {
    matches!(cuda_number(choice), Ok(None)).then(matmul::peak_flops)
}

/// The CUDA device that a choice means, none for the CPU.
fn cuda_number(choice: DeviceChoice) -> Result<Option<usize>> {
    match choice {
        DeviceChoice::Cpu => Ok(None),
        DeviceChoice::Auto => Ok(cuda::report(FIRST).is_ok().then_some(FIRST)),
        DeviceChoice::Cuda(number) => cuda::report(number).map(|_| Some(number)),
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
    fn the_cpu_is_always_there() {
        assert!(run(DeviceChoice::Cpu, Name).unwrap().contains("Vec"));
        assert_eq!(name(DeviceChoice::Cpu), "cpu");
        assert!(obstacle(DeviceChoice::Cpu, None).is_none());
        assert!(why_cpu(DeviceChoice::Cpu).is_none());
    }

    #[test]
    fn auto_is_always_something() {
        let name = name(DeviceChoice::Auto);
        assert!(name == "cpu" || name.starts_with("cuda:0"), "{name}");
        assert!(obstacle(DeviceChoice::Auto, None).is_none());
        assert!(run(DeviceChoice::Auto, Name).is_ok());
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_with_a_way_out() {
        let choice = DeviceChoice::Cuda(4000);
        let error = run(choice, Name).unwrap_err();
        assert!(error.next_step().is_some(), "{error}");
        assert_eq!(obstacle(choice, None).unwrap().what(), error.what());
        assert!(report(choice).is_err());
        assert_eq!(name(choice), "cuda:4000");
    }
}
