//! What can be said of a device before anything runs on it.

use super::libraries;
use super::status::Checked;
use crate::base::{Error, Result};
use cudarc::driver::result::{device, init};
use cudarc::driver::sys::{CUdevice, CUdevice_attribute, cuDriverGetVersion};

/// The oldest architecture with bfloat16: Ampere.
const LEAST_CAPABILITY: (i32, i32) = (8, 0);

/// A CUDA device that the kernels can run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its number, from 0.
    pub ordinal: usize,
    /// As NVIDIA calls it.
    pub name: String,
    /// Compute capability: major, minor.
    pub capability: (i32, i32),
    /// Bytes of memory.
    pub memory: u64,
    /// The newest CUDA that the driver knows: major, minor.
    pub driver: (i32, i32),
}

/// Asks the driver for a device; nothing is allocated and no context is made.
///
/// # Errors
/// There is no driver, it does not start, there is no such device, or the device is too old.
pub fn probe(ordinal: usize) -> Result<DeviceInfo> {
    libraries::driver()?;
    init().checked("cuInit")?;
    let devices = device::get_count().checked("cuDeviceGetCount")?;
    let device = existing(ordinal, devices)?;
    let info = DeviceInfo {
        ordinal,
        name: device::get_name(device).checked("cuDeviceGetName")?,
        capability: capability(device)?,
        memory: total_memory(device)?,
        driver: driver_version()?,
    };
    suited(info)
}

fn existing(ordinal: usize, devices: i32) -> Result<CUdevice> {
    match i32::try_from(ordinal) {
        Ok(ordinal) if ordinal < devices => device::get(ordinal).checked("cuDeviceGet"),
        _ => Err(Error::stage(format!("there is no device cuda:{ordinal}: the driver shows {devices}"))
            .help("devices are numbered from 0; check `nvidia-smi -L` and CUDA_VISIBLE_DEVICES")),
    }
}

fn capability(device: CUdevice) -> Result<(i32, i32)> {
    let ask = |what| {
        // SAFETY: the device is one that the driver gave.
        unsafe { device::get_attribute(device, what) }.checked("cuDeviceGetAttribute")
    };
    Ok((
        ask(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        ask(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    ))
}

fn total_memory(device: CUdevice) -> Result<u64> {
    // SAFETY: the device is one that the driver gave.
    let bytes = unsafe { device::total_mem(device) }.checked("cuDeviceTotalMem")?;
    Ok(bytes as u64)
}

fn driver_version() -> Result<(i32, i32)> {
    let mut version = 0;
    // SAFETY: writes one int.
    unsafe { cuDriverGetVersion(&raw mut version) }.result().checked("cuDriverGetVersion")?;
    Ok((version / 1000, version % 1000 / 10))
}

fn suited(info: DeviceInfo) -> Result<DeviceInfo> {
    if info.capability >= LEAST_CAPABILITY {
        return Ok(info);
    }
    let (major, minor) = info.capability;
    Err(Error::stage(format!("{} has compute capability {major}.{minor}, at least 8.0 is needed", info.name))
        .help("use a GPU of the Ampere generation (A100, RTX 30) or newer, or run with `--device cpu`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_devices_are_refused() {
        let info = |capability| DeviceInfo {
            ordinal: 0,
            name: "Tesla P100".to_owned(),
            capability,
            memory: 16 << 30,
            driver: (13, 0),
        };
        let error = suited(info((6, 0))).unwrap_err();
        assert!(error.to_string().contains("Tesla P100 has compute capability 6.0"), "{error}");
        assert!(suited(info((8, 0))).is_ok() && suited(info((12, 0))).is_ok());
    }

    #[test]
    fn numbers_beyond_the_devices_are_refused() {
        let error = existing(2, 2).unwrap_err();
        assert!(error.to_string().contains("no device cuda:2"), "{error}");
        assert!(existing(usize::MAX, 1).is_err());
    }
}
