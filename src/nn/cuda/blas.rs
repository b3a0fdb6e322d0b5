//! cuBLAS, for the products of NT-Xent.

use super::address::Address;
use super::buffer::int;
use super::status::Checked;
use crate::base::Result;
use cudarc::cublas::sys::{cublasHandle_t, cublasOperation_t};
use cudarc::cublas::{result, sys};
use cudarc::driver::CudaStream;

/// A handle that queues on one stream.
#[derive(Debug)]
pub(super) struct Blas(cublasHandle_t);

// SAFETY: a handle may go from thread to thread as long as one uses it at a time, which the mutex around it sees to.
unsafe impl Send for Blas {}

impl Blas {
    /// On the given stream, with 32-bit products throughout (no TF32).
    pub(super) fn new(stream: &CudaStream) -> Result<Self> {
        let handle = Self(result::create_handle().checked("cublasCreate")?);
        // SAFETY: handle and stream live; the two crates' stream types are the same pointer.
        unsafe { result::set_stream(handle.0, stream.cu_stream().cast()) }.checked("cublasSetStream")?;
        // SAFETY: the handle lives.
        unsafe { sys::cublasSetMathMode(handle.0, sys::cublasMath_t::CUBLAS_DEFAULT_MATH) }
            .result()
            .checked("cublasSetMathMode")?;
        Ok(handle)
    }

    /// `output [rows, columns] = factor * left [rows, inner] * right`, the right one being `[inner, columns]`, or with
    /// `turned` `[columns, inner]`; all row by row.
    pub(super) fn multiply(
        &mut self,
        [rows, inner, columns]: [usize; 3],
        factor: f32,
        left: Address<'_>,
        (right, turned): (Address<'_>, bool),
        output: Address<'_>,
    ) -> Result<()> {
        let (m, n, k) = (int(columns)?, int(rows)?, int(inner)?);
        // cuBLAS counts column by column, so it sees each matrix turned, and computes the turned product.
        let (operation, stride) = match turned {
            true => (cublasOperation_t::CUBLAS_OP_T, k),
            false => (cublasOperation_t::CUBLAS_OP_N, m),
        };
        let zero = 0.0f32;
        // SAFETY: the matrices have these sizes by contract; factors are read before the call returns.
        unsafe {
            result::sgemm(
                self.0,
                operation,
                cublasOperation_t::CUBLAS_OP_N,
                m,
                n,
                k,
                &raw const factor,
                right.pointer().cast(),
                stride,
                left.pointer().cast(),
                k,
                &raw const zero,
                output.pointer().cast(),
                m,
            )
        }
        .checked("cublasSgemm")
    }
}

impl Drop for Blas {
    fn drop(&mut self) {
        // SAFETY: used no more. A failure would only leave memory behind.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}
