//! Properties of a device, read before it is opened.

use super::libraries;
use super::status::Checked;
use crate::base::{Error, Result};
use cudarc::driver::result::{device, init};
use cudarc::driver::sys::{CUdevice, CUdevice_attribute, cuDriverGetVersion};

/// The oldest compute capability with bf16: Ampere.
const MIN_CAPABILITY: (i32, i32) = (8, 0);

/// A CUDA device that supports the kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Ordinal, from 0.
    pub ordinal: usize,
    /// NVIDIA's name.
    pub name: String,
    /// Compute capability: major, minor.
    pub capability: (i32, i32),
    /// Total memory, bytes.
    pub memory: u64,
    /// The newest CUDA version that the driver supports: major, minor.
    pub driver: (i32, i32),
}

/// Queries the driver for a device, without allocating memory or creating a context.
///
/// # Errors
/// The driver is missing or does not start, the device does not exist, or it is too old.
pub fn probe(ordinal: usize) -> Result<DeviceInfo> {
    libraries::driver()?;
    init().checked("cuInit")?;
    let devices = device::get_count().checked("cuDeviceGetCount")?;
    let device = device_at(ordinal, devices)?;
    let info = DeviceInfo {
        ordinal,
        name: device::get_name(device).checked("cuDeviceGetName")?,
        capability: capability(device)?,
        memory: total_memory(device)?,
        driver: driver_version()?,
    };
    check_capability(info)
}

/// The GPUs that this process sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleGpus {
    /// UUIDs in the order of the ordinals, in hexadecimal digits; they are unique over all machines.
    pub uuids: Vec<String>,
    /// Compute capability of the first: major, minor.
    pub capability: (i32, i32),
}

/// Returns the GPUs that this process sees, without allocating memory or creating a context on one of them.
///
/// # Errors
/// The driver, a library or a device is missing, or the first device is too old.
pub fn visible() -> Result<VisibleGpus> {
    let DeviceInfo { capability, .. } = probe(0)?;
    libraries::open()?;
    let devices = device::get_count().checked("cuDeviceGetCount")?;
    let uuid = |ordinal: i32| {
        let uuid = device::get(ordinal).and_then(device::get_uuid).checked("cuDeviceGetUuid")?;
        Ok(uuid.bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    };
    Ok(VisibleGpus { uuids: (0..devices).map(uuid).collect::<Result<_>>()?, capability })
}

fn device_at(ordinal: usize, devices: i32) -> Result<CUdevice> {
    match i32::try_from(ordinal) {
        Ok(ordinal) if ordinal < devices => device::get(ordinal).checked("cuDeviceGet"),
        _ => Err(Error::stage(format!("device cuda:{ordinal} does not exist: the driver reports {devices}"))
            .help("devices are numbered from 0; check `nvidia-smi -L` and CUDA_VISIBLE_DEVICES")),
    }
}

fn capability(device: CUdevice) -> Result<(i32, i32)> {
    let attribute = |kind| {
        // SAFETY: the device comes from the driver.
        unsafe { device::get_attribute(device, kind) }.checked("cuDeviceGetAttribute")
    };
    Ok((
        attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    ))
}

fn total_memory(device: CUdevice) -> Result<u64> {
    // SAFETY: the device comes from the driver.
    let bytes = unsafe { device::total_mem(device) }.checked("cuDeviceTotalMem")?;
    Ok(bytes as u64)
}

fn driver_version() -> Result<(i32, i32)> {
    let mut version = 0;
    // SAFETY: writes one int.
    unsafe { cuDriverGetVersion(&raw mut version) }.result().checked("cuDriverGetVersion")?;
    Ok((version / 1000, version % 1000 / 10))
}

fn check_capability(info: DeviceInfo) -> Result<DeviceInfo> {
    if info.capability >= MIN_CAPABILITY {
        return Ok(info);
    }
    let (major, minor) = info.capability;
    Err(Error::stage(format!("{} has compute capability {major}.{minor}, but at least 8.0 is required", info.name))
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
        let error = check_capability(info((6, 0))).unwrap_err();
        assert!(error.to_string().contains("Tesla P100 has compute capability 6.0"), "{error}");
        assert!(check_capability(info((8, 0))).is_ok() && check_capability(info((12, 0))).is_ok());
    }

    #[test]
    fn ordinals_beyond_the_devices_are_refused() {
        let error = device_at(2, 2).unwrap_err();
        assert!(error.to_string().contains("device cuda:2 does not exist"), "{error}");
        assert!(device_at(usize::MAX, 1).is_err());
    }
}
