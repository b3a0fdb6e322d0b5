//! The arguments of `doctor`.

use super::{Format, device};
use crate::config::pipeline::DeviceChoice;
use clap::{Args, ValueEnum};

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Device to check: auto, cpu, cuda, cuda:1
    #[arg(long, value_parser = device, default_value = "auto")]
    pub device: DeviceChoice,
    /// Only in these precisions of feature maps [default: all that differ on the device]
    #[arg(long, value_enum)]
    pub precision: Vec<PrecisionArgument>,
    /// Measure views a second of ResNet-18 at 32 pixels and ResNet-50 at 224 pixels too
    #[arg(long)]
    pub time: bool,
    /// Views of a batch of the measurement [default: 1024 at 32 pixels, 256 at 224 pixels]
    #[arg(long, value_name = "N", requires = "time", value_parser = clap::value_parser!(u32).range(2..=65_536))]
    pub views: Option<u32>,
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Text for people or JSON for programs
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// A precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArgument {
    /// 32 bits.
    F32,
    /// 32 bits, products of fewer on CUDA.
    Tf32,
    /// bfloat16.
    Bf16,
}
