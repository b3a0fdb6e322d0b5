//! What CUDA's libraries answer, as the crate's error: the call, the name of the status, what to do.

use crate::base::{Error, Result};
use cudarc::cublas::result::CublasError;
use cudarc::cudnn::result::CudnnError;
use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;
use cudarc::nvrtc::result::NvrtcError;

/// A checked status; `call` is the function as NVIDIA's manuals name it.
pub(super) trait Checked<T> {
    /// The value, or the status as an error.
    fn checked(self, call: &str) -> Result<T>;
}

impl<T> Checked<T> for Result<T, DriverError> {
    fn checked(self, call: &str) -> Result<T> {
        self.map_err(|DriverError(status)| failed(call, &format!("{status:?}")).help(driver_help(status)))
    }
}

impl<T> Checked<T> for Result<T, CudnnError> {
    fn checked(self, call: &str) -> Result<T> {
        self.map_err(|CudnnError(status)| {
            failed(call, &format!("{status:?}"))
                .help("run with CUDNN_LOGLEVEL_DBG=2 to hear cuDNN's reason, and `simclr doctor` to check the device")
        })
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

fn driver_help(status: CUresult) -> &'static str {
    match status {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => "use a smaller batch, or end what else runs on the GPU (`nvidia-smi`)",
        CUresult::CUDA_ERROR_NO_DEVICE => {
            "no NVIDIA GPU is visible: check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or run with `--device cpu`"
        }
        CUresult::CUDA_ERROR_INVALID_DEVICE => "list the devices with `nvidia-smi -L`; they are numbered from 0",
        CUresult::CUDA_ERROR_STUB_LIBRARY => {
            "the loader found the toolkit's stub of libcuda instead of the driver's: take the `stubs` directory out of \
             LD_LIBRARY_PATH"
        }
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH | CUresult::CUDA_ERROR_SYSTEM_NOT_READY => {
            "driver and kernel module disagree or are not ready: reboot, or restart NVIDIA's services"
        }
        CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION | CUresult::CUDA_ERROR_JIT_COMPILER_NOT_FOUND => {
            "the driver is too old: install 580 or newer"
        }
        CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU => {
            "the program was built for another GPU: build it again with CUDA_COMPUTE_CAP=80, which suits all"
        }
        CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        | CUresult::CUDA_ERROR_LAUNCH_FAILED
        | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS => {
            "a kernel went wrong, perhaps an earlier one: run again with CUDA_LAUNCH_BLOCKING=1 to learn which, and \
             `simclr doctor`"
        }
        _ => "run `simclr doctor` to check driver, libraries and device, or go on with `--device cpu`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_call_the_status_and_what_to_do() {
        let error = Err::<(), _>(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)).checked("cuInit").unwrap_err();
        assert_eq!(error.what(), "cuInit failed: CUDA_ERROR_NO_DEVICE");
        assert!(error.next_step().is_some_and(|help| help.contains("nvidia-smi")));
        let status = cudarc::cudnn::sys::cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED;
        let error = Err::<(), _>(CudnnError(status)).checked("cudnnConvolutionForward").unwrap_err();
        assert_eq!(error.what(), "cudnnConvolutionForward failed: CUDNN_STATUS_NOT_SUPPORTED");
    }
}
