//! Status codes of CUDA's libraries as the crate's errors: the call, the name of the status, and what to do.

use super::failure;
use crate::base::{Error, Result};
use cudarc::cublas::result::CublasError;
use cudarc::cudnn::result::CudnnError;
use cudarc::cudnn::sys::cudnnStatus_t;
use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;
use cudarc::nvrtc::result::NvrtcError;

/// Conversion of a status code; `call` is the function's name in NVIDIA's documentation.
pub(super) trait Checked<T> {
    /// Returns the value, or the status as an error.
    fn checked(self, call: &str) -> Result<T>;
}

impl<T> Checked<T> for Result<T, DriverError> {
    fn checked(self, call: &str) -> Result<T> {
        self.map_err(|DriverError(status)| {
            let error = failed(call, &format!("{status:?}")).help(driver_help(status));
            failure::keep_fatal(status, &error);
            error
        })
    }
}

impl<T> Checked<T> for Result<T, CudnnError> {
    fn checked(self, call: &str) -> Result<T> {
        self.map_err(|CudnnError(status)| failed(call, &format!("{status:?}")).help(cudnn_help(status)))
    }
}

impl<T> Checked<T> for Result<T, CublasError> {
    fn checked(self, call: &str) -> Result<T> {
        self.map_err(|CublasError(status)| {
            failed(call, &format!("{status:?}")).help("run `simclr doctor` to check the device")
        })
    }
}

impl<T> Checked<T> for Result<T, NvrtcError> {
    fn checked(self, call: &str) -> Result<T> {
        self.map_err(|NvrtcError(status)| {
            failed(call, &format!("{status:?}")).help("install NVRTC of CUDA 13 (`pip install nvidia-cuda-nvrtc`)")
        })
    }
}

fn failed(call: &str, status: &str) -> Error {
    Error::stage(format!("{call} failed: {status}"))
}

fn cudnn_help(status: cudnnStatus_t) -> &'static str {
    match status {
        cudnnStatus_t::CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED => {
            "install zlib (Debian's `zlib1g`), which cuDNN's libraries need, and all files of `nvidia-cudnn-cu13`"
        }
        cudnnStatus_t::CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED => {
            "use a smaller batch: cuDNN needs memory of its own"
        }
        _ => "run with CUDNN_LOGLEVEL_DBG=2 to log cuDNN's reason, and `simclr doctor` to check the device",
    }
}

fn driver_help(status: CUresult) -> &'static str {
    match status {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
            "use a smaller batch, or stop the other processes on the GPU (`nvidia-smi`)"
        }
        CUresult::CUDA_ERROR_NO_DEVICE => {
            "no NVIDIA GPU is visible: check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or run with `--device cpu`"
        }
        CUresult::CUDA_ERROR_INVALID_DEVICE => "list the devices with `nvidia-smi -L`; they are numbered from 0",
        CUresult::CUDA_ERROR_STUB_LIBRARY => {
            "the loader found the toolkit's stub of libcuda instead of the driver's: remove the `stubs` directory from \
             LD_LIBRARY_PATH"
        }
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH | CUresult::CUDA_ERROR_SYSTEM_NOT_READY => {
            "driver and kernel module disagree or are not ready: reboot, or restart NVIDIA's services"
        }
        CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION | CUresult::CUDA_ERROR_JIT_COMPILER_NOT_FOUND => {
            "the driver is older than the CUDA toolkit that built the program: install 580 or newer, or build with CUDA \
             13.0"
        }
        CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU => {
            "the program was built for another GPU: rebuild it with CUDA_COMPUTE_CAP=80, which runs on all GPUs"
        }
        CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        | CUresult::CUDA_ERROR_LAUNCH_FAILED
        | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS => {
            "a kernel failed, perhaps an earlier one: run again with CUDA_LAUNCH_BLOCKING=1 to find out which, and run \
             `simclr doctor`"
        }
        _ => "run `simclr doctor` to check driver, libraries and device, or continue with `--device cpu`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reports_call_status_and_next_step() {
        let error = Err::<(), _>(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)).checked("cuInit").unwrap_err();
        assert_eq!(error.what(), "cuInit failed: CUDA_ERROR_NO_DEVICE");
        assert!(error.next_step().is_some_and(|help| help.contains("nvidia-smi")));
        let status = cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED;
        let error = Err::<(), _>(CudnnError(status)).checked("cudnnConvolutionForward").unwrap_err();
        assert_eq!(error.what(), "cudnnConvolutionForward failed: CUDNN_STATUS_NOT_SUPPORTED");
    }
}
