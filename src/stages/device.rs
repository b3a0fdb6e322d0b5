//! The one place where the device is chosen.

use crate::base::{Error, Result};
use crate::config::pipeline::DeviceChoice;
use dfdx::prelude::Cpu;

/// The device of every stage that trains.
pub type Device = Cpu;

/// Name of the device that a choice means, for the record of a run.
pub fn name(choice: DeviceChoice) -> String {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Cpu => "cpu".to_owned(),
        DeviceChoice::Cuda(number) => format!("cuda:{number}"),
    }
}

/// The device asked for.
///
/// # Errors
/// A CUDA device was asked for by name; training runs on the CPU only so far.
pub fn open(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Cpu => Ok(Cpu::default()),
        DeviceChoice::Cuda(number) => {
            Err(Error::stage(format!("device cuda:{number} is not available: this version trains on the CPU"))
                .help("set `device = \"auto\"` or run with `--device cpu`"))
        }
    }
}
