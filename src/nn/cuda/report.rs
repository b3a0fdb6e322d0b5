//! The device report: model, memory and versions, to be printed.

use super::probe::{DeviceInfo, probe};
use super::program::nvrtc_version;
use super::status::Checked;
use super::{gpu, libraries};
use crate::base::Result;
use crate::nn::DeviceReport;
use cudarc::{cublas, cudnn};

/// Reports the device with this ordinal and the versions of driver and libraries. Creates a context but compiles no
/// kernels.
///
/// # Errors
/// The driver, the device or a library is missing, or the device is too old.
pub fn report(ordinal: usize) -> Result<DeviceReport> {
    let DeviceInfo { name, capability, memory, driver, .. } = probe(ordinal)?;
    libraries::open()?;
    let (free, _) = gpu::memory(&gpu::context(ordinal)?)?;
    let number = |(major, minor): (i32, i32)| format!("{major}.{minor}");
    let with_file = |version, library| match libraries::mapped(library) {
        Some(file) => format!("{}, {file}", number(version)),
        None => number(version),
    };
    let parts = [
        ("compute capability", number(capability)),
        ("driver, CUDA", with_file(driver, "libcuda.so")),
        ("NVRTC", with_file(nvrtc_version()?, "libnvrtc.so")),
        ("cuBLAS", with_file(cublas_version()?, "libcublas.so")),
        ("cuDNN", with_file(cudnn_version(), "libcudnn.so")),
    ];
    Ok(DeviceReport {
        name: format!("cuda:{ordinal}"),
        model: name,
        memory: Some(memory),
        free: Some(free),
        parts: parts.map(|(part, version)| (part.to_owned(), version)).to_vec(),
    })
}

fn cublas_version() -> Result<(i32, i32)> {
    use cublas::sys::{cublasGetProperty, libraryPropertyType};
    let property = |kind| {
        let mut value = 0;
        // SAFETY: writes one int.
        unsafe { cublasGetProperty(kind, &raw mut value) }.result().checked("cublasGetProperty")?;
        Ok(value)
    };
    Ok((property(libraryPropertyType::MAJOR_VERSION)?, property(libraryPropertyType::MINOR_VERSION)?))
}

/// Decodes the version of cuDNN 9: major * 10000 + minor * 100 + patch.
fn cudnn_version() -> (i32, i32) {
    let version = i32::try_from(cudnn::result::get_version()).unwrap_or_default();
    (version / 10_000, version / 100 % 100)
}
