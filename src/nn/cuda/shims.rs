//! Shims for the functions of CUDA's libraries that dfdx links, which forward to the libraries opened at run time.
//!
//! dfdx's `cudarc` links libcuda, libcublas and libnvrtc, and a program linked so does not even start if one of them is
//! missing, let alone report which. The linker finds the definitions below first and drops the libraries. They must not
//! be called before [`libraries::open`](super::libraries::open); dfdx calls none of them before a device exists, which
//! [`open`](super::open) creates. The linker also exports them, so a call inside of NVIDIA's libraries may land here; it
//! does the same.

#![allow(non_snake_case, reason = "NVIDIA's names")]

use super::failure;
use super::status::Checked;
use cudarc::driver::sys as driver_sys;
use std::ffi::c_void;

/// Defines functions that call those of the same name in the bindings of `cudarc` 0.19, which look them up in the
/// library, and record failures.
macro_rules! forward {
    ($library:ident, $success:path: $(fn $name:ident($($parameter:ident: $kind:ty),*) -> $status:ty;)*) => {
        mod $library {
            use crate::nn::cuda::failure;
            use crate::nn::cuda::status::Checked;
            use cudarc::$library::sys::*;
            use std::ffi::*;

            $(
                #[unsafe(no_mangle)]
                unsafe extern "C" fn $name($($parameter: $kind),*) -> $status {
                    // SAFETY: the same function with the same arguments.
                    let status = unsafe { cudarc::$library::sys::$name($($parameter),*) };
                    let call = stringify!($name).trim_end_matches("_v2");
                    match status.result().checked(call) {
                        Err(error) if failure::record(call, &error) => $success,
                        Err(_) => {
                            super::finish_queued_work();
                            status
                        }
                        Ok(()) => status,
                    }
                }
            )*
        }
    };
}

/// Waits for all streams of the current context. After a failed call dfdx frees memory, in the order of one stream, that
/// work on another one may still use.
fn finish_queued_work() {
    // SAFETY: has no preconditions; without a context it fails, which changes nothing.
    let _ = unsafe { driver_sys::cuCtxSynchronize() };
}

/// Uploads of more bytes than this are waited for. dfdx may free the memory while its upload is queued, and NVIDIA does
/// not document that memory which is not pinned has been read by then. Smaller ones, the shapes that kernels read at
/// each launch, are part of the command itself.
const WAITED_FOR: usize = 256;

#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    to: driver_sys::CUdeviceptr,
    from: *const c_void,
    bytes: usize,
    stream: driver_sys::CUstream,
) -> driver_sys::CUresult {
    // SAFETY: the same function with the same arguments.
    let status = unsafe { driver_sys::cuMemcpyHtoDAsync_v2(to, from, bytes, stream) };
    if status == driver_sys::CUresult::CUDA_SUCCESS && bytes > WAITED_FOR {
        // SAFETY: the stream is that of the copy.
        return unsafe { cuStreamSynchronize(stream) };
    }
    if let Err(error) = status.result().checked("cuMemcpyHtoDAsync") {
        failure::record("cuMemcpyHtoDAsync", &error);
        finish_queued_work();
    }
    status
}

/// Waits once more if it fails: dfdx then frees memory of the host that a copy may still use.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuStreamSynchronize(stream: driver_sys::CUstream) -> driver_sys::CUresult {
    // SAFETY: the same function with the same arguments.
    let status = unsafe { driver_sys::cuStreamSynchronize(stream) };
    if let Err(error) = status.result().checked("cuStreamSynchronize") {
        failure::record("cuStreamSynchronize", &error);
        finish_queued_work();
    }
    status
}

forward! {
    driver, CUresult::CUDA_SUCCESS:
    fn cuCtxGetCurrent(pctx: *mut CUcontext) -> CUresult;
    fn cuCtxSetCurrent(ctx: CUcontext) -> CUresult;
    fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int) -> CUresult;
    fn cuDeviceGetAttribute(pi: *mut c_int, attrib: CUdevice_attribute, dev: CUdevice) -> CUresult;
    fn cuDeviceGetCount(count: *mut c_int) -> CUresult;
    fn cuDevicePrimaryCtxRelease_v2(dev: CUdevice) -> CUresult;
    fn cuDevicePrimaryCtxRetain(pctx: *mut CUcontext, dev: CUdevice) -> CUresult;
    fn cuDeviceTotalMem_v2(bytes: *mut usize, dev: CUdevice) -> CUresult;
    fn cuEventCreate(ph_event: *mut CUevent, flags: c_uint) -> CUresult;
    fn cuEventDestroy_v2(h_event: CUevent) -> CUresult;
    fn cuEventRecord(h_event: CUevent, h_stream: CUstream) -> CUresult;
    fn cuGetErrorName(error: CUresult, p_str: *mut *const c_char) -> CUresult;
    fn cuGetErrorString(error: CUresult, p_str: *mut *const c_char) -> CUresult;
    fn cuInit(flags: c_uint) -> CUresult;
    fn cuLaunchKernel(
        f: CUfunction, grid_dim_x: c_uint, grid_dim_y: c_uint, grid_dim_z: c_uint, block_dim_x: c_uint, block_dim_y:
        c_uint, block_dim_z: c_uint, shared_mem_bytes: c_uint, h_stream: CUstream, kernel_params: *mut *mut c_void,
        extra: *mut *mut c_void
    ) -> CUresult;
    fn cuMemAllocAsync(dptr: *mut CUdeviceptr, bytesize: usize, h_stream: CUstream) -> CUresult;
    fn cuMemAlloc_v2(dptr: *mut CUdeviceptr, bytesize: usize) -> CUresult;
    fn cuMemFreeAsync(dptr: CUdeviceptr, h_stream: CUstream) -> CUresult;
    fn cuMemFree_v2(dptr: CUdeviceptr) -> CUresult;
    fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> CUresult;
    fn cuMemcpyDtoDAsync_v2(
        dst_device: CUdeviceptr, src_device: CUdeviceptr, byte_count: usize, h_stream: CUstream
    ) -> CUresult;
    fn cuMemcpyDtoD_v2(dst_device: CUdeviceptr, src_device: CUdeviceptr, byte_count: usize) -> CUresult;
    fn cuMemcpyDtoHAsync_v2(
        dst_host: *mut c_void, src_device: CUdeviceptr, byte_count: usize, h_stream: CUstream
    ) -> CUresult;
    fn cuMemcpyDtoH_v2(dst_host: *mut c_void, src_device: CUdeviceptr, byte_count: usize) -> CUresult;
    fn cuMemcpyHtoD_v2(dst_device: CUdeviceptr, src_host: *const c_void, byte_count: usize) -> CUresult;
    fn cuMemsetD8Async(dst_device: CUdeviceptr, uc: c_uchar, n: usize, h_stream: CUstream) -> CUresult;
    fn cuMemsetD8_v2(dst_device: CUdeviceptr, uc: c_uchar, n: usize) -> CUresult;
    fn cuModuleGetFunction(hfunc: *mut CUfunction, hmod: CUmodule, name: *const c_char) -> CUresult;
    fn cuModuleLoad(module: *mut CUmodule, fname: *const c_char) -> CUresult;
    fn cuModuleLoadData(module: *mut CUmodule, image: *const c_void) -> CUresult;
    fn cuModuleUnload(hmod: CUmodule) -> CUresult;
    fn cuStreamCreate(ph_stream: *mut CUstream, flags: c_uint) -> CUresult;
    fn cuStreamDestroy_v2(h_stream: CUstream) -> CUresult;
    fn cuStreamWaitEvent(h_stream: CUstream, h_event: CUevent, flags: c_uint) -> CUresult;
}

forward! {
    cublas, cublasStatus_t::CUBLAS_STATUS_SUCCESS:
    fn cublasCreate_v2(handle: *mut cublasHandle_t) -> cublasStatus_t;
    fn cublasDestroy_v2(handle: cublasHandle_t) -> cublasStatus_t;
    fn cublasDgemmStridedBatched(
        handle: cublasHandle_t, transa: cublasOperation_t, transb: cublasOperation_t, m: c_int, n: c_int, k: c_int,
        alpha: *const f64, a: *const f64, lda: c_int, stride_a: c_longlong, b: *const f64, ldb: c_int, stride_b:
        c_longlong, beta: *const f64, c: *mut f64, ldc: c_int, stride_c: c_longlong, batch_count: c_int
    ) -> cublasStatus_t;
    fn cublasDgemm_v2(
        handle: cublasHandle_t, transa: cublasOperation_t, transb: cublasOperation_t, m: c_int, n: c_int, k: c_int,
        alpha: *const f64, a: *const f64, lda: c_int, b: *const f64, ldb: c_int, beta: *const f64, c: *mut f64, ldc:
        c_int
    ) -> cublasStatus_t;
    fn cublasDgemv_v2(
        handle: cublasHandle_t, trans: cublasOperation_t, m: c_int, n: c_int, alpha: *const f64, a: *const f64, lda:
        c_int, x: *const f64, incx: c_int, beta: *const f64, y: *mut f64, incy: c_int
    ) -> cublasStatus_t;
    fn cublasGemmEx(
        handle: cublasHandle_t, transa: cublasOperation_t, transb: cublasOperation_t, m: c_int, n: c_int, k: c_int,
        alpha: *const c_void, a: *const c_void, atype: cudaDataType, lda: c_int, b: *const c_void, btype:
        cudaDataType, ldb: c_int, beta: *const c_void, c: *mut c_void, ctype: cudaDataType, ldc: c_int,
        compute_type: cublasComputeType_t, algo: cublasGemmAlgo_t
    ) -> cublasStatus_t;
    fn cublasGemmStridedBatchedEx(
        handle: cublasHandle_t, transa: cublasOperation_t, transb: cublasOperation_t, m: c_int, n: c_int, k: c_int,
        alpha: *const c_void, a: *const c_void, atype: cudaDataType, lda: c_int, stride_a: c_longlong, b: *const
        c_void, btype: cudaDataType, ldb: c_int, stride_b: c_longlong, beta: *const c_void, c: *mut c_void, ctype:
        cudaDataType, ldc: c_int, stride_c: c_longlong, batch_count: c_int, compute_type: cublasComputeType_t, algo:
        cublasGemmAlgo_t
    ) -> cublasStatus_t;
    fn cublasSetStream_v2(handle: cublasHandle_t, stream_id: cudaStream_t) -> cublasStatus_t;
    fn cublasSgemmStridedBatched(
        handle: cublasHandle_t, transa: cublasOperation_t, transb: cublasOperation_t, m: c_int, n: c_int, k: c_int,
        alpha: *const f32, a: *const f32, lda: c_int, stride_a: c_longlong, b: *const f32, ldb: c_int, stride_b:
        c_longlong, beta: *const f32, c: *mut f32, ldc: c_int, stride_c: c_longlong, batch_count: c_int
    ) -> cublasStatus_t;
    fn cublasSgemm_v2(
        handle: cublasHandle_t, transa: cublasOperation_t, transb: cublasOperation_t, m: c_int, n: c_int, k: c_int,
        alpha: *const f32, a: *const f32, lda: c_int, b: *const f32, ldb: c_int, beta: *const f32, c: *mut f32, ldc:
        c_int
    ) -> cublasStatus_t;
    fn cublasSgemv_v2(
        handle: cublasHandle_t, trans: cublasOperation_t, m: c_int, n: c_int, alpha: *const f32, a: *const f32, lda:
        c_int, x: *const f32, incx: c_int, beta: *const f32, y: *mut f32, incy: c_int
    ) -> cublasStatus_t;
}

forward! {
    nvrtc, nvrtcResult::NVRTC_SUCCESS:
    fn nvrtcCompileProgram(prog: nvrtcProgram, num_options: c_int, options: *const *const c_char) -> nvrtcResult;
    fn nvrtcCreateProgram(
        prog: *mut nvrtcProgram, src: *const c_char, name: *const c_char, num_headers: c_int, headers: *const *const
        c_char, include_names: *const *const c_char
    ) -> nvrtcResult;
    fn nvrtcDestroyProgram(prog: *mut nvrtcProgram) -> nvrtcResult;
    fn nvrtcGetPTX(prog: nvrtcProgram, ptx: *mut c_char) -> nvrtcResult;
    fn nvrtcGetPTXSize(prog: nvrtcProgram, ptx_size_ret: *mut usize) -> nvrtcResult;
    fn nvrtcGetProgramLog(prog: nvrtcProgram, log: *mut c_char) -> nvrtcResult;
    fn nvrtcGetProgramLogSize(prog: nvrtcProgram, log_size_ret: *mut usize) -> nvrtcResult;
}
