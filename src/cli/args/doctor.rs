//! The arguments of `doctor`.

use super::Format;
use super::values::{DEVICES, seconds};
use crate::study::DeviceChoice;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Examples, and how two machines check a store.
pub(super) const HELP: &str = "\
Examples:
  simclr doctor                                         the device that `auto` selects
  simclr doctor --device cuda:1
  simclr doctor --time                                  also measure training speed
  simclr doctor --store outputs                         the file system of a store
  simclr doctor --store outputs --share                 also mark it as shared between machines

Needs no data. Exit code 3 if an error exceeds its tolerance, the device is missing, or a store
cannot be used as it is.

Whether locks and files of one machine are seen by another needs two machines. On the first:
  simclr doctor --store outputs --hold 60
and meanwhile on the second:
  simclr doctor --store outputs
On two nodes of Slurm:
  srun -N2 -n2 sh -c '[ $SLURM_PROCID = 0 ] && exec simclr doctor --store outputs --hold 20
    sleep 5; exec simclr doctor --store outputs'

On a shared file system, mark the store with --share before the first run, while no run uses it:
from then on each run renews a lease on what it computes, and no two machines destroy each other's
work even where file locks lock nobody out (docs/artifacts.md).";

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Device to check: auto, cpu, cuda, cuda:1
    #[arg(long, value_parser = DEVICES, hide_possible_values = true, default_value = "auto")]
    pub device: DeviceChoice,
    /// Check only these precisions [default: every precision that differs on the device]
    #[arg(long, value_enum)]
    pub precision: Vec<PrecisionArgument>,
    /// Also measure training speed in views/s: ResNet-18 at 32 pixels and ResNet-50 at 224 pixels
    #[arg(long)]
    pub time: bool,
    /// Only measure with --time, without checking first
    #[arg(long, requires = "time")]
    pub skip_checks: bool,
    /// Views per batch for --time [default: 1024 at 32 pixels, 256 at 224 pixels]
    #[arg(long, value_name = "N", requires = "time", value_parser = clap::value_parser!(u32).range(2..=65_536))]
    pub views: Option<u32>,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Check the file system of this output directory instead: locks, links, renames, clock, visibility, free space
    #[arg(long, value_name = "DIR", conflicts_with_all = ["precision", "time", "threads"])]
    pub store: Option<PathBuf>,
    /// Mark the store as shared between machines, so that runs keep leases
    #[arg(long, requires = "store")]
    pub share: bool,
    /// Hold a lock for so many seconds, for a check from another machine
    #[arg(long, value_name = "SECONDS", requires = "store", value_parser = seconds)]
    pub hold: Option<f64>,
    /// Only try to lock a file: exit code 10 if another process holds the lock.
    #[arg(long, value_name = "FILE", requires = "store", hide = true)]
    pub lock_probe: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// A training precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArgument {
    F32,
    // With TF32 matmuls and convolutions on CUDA.
    Tf32,
    Bf16,
}
