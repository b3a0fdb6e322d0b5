//! cuBLAS, for the matmuls of NT-Xent.

use super::address::Address;
use super::buffer::int;
use super::status::Checked;
use crate::base::Result;
use cudarc::cublas::sys::{cublasHandle_t, cublasOperation_t};
use cudarc::cublas::{result, sys};
use cudarc::driver::CudaStream;

/// A handle that queues on one stream.
#[derive(Debug)]
pub(super) struct Cublas(cublasHandle_t);

// SAFETY: a handle may move between threads if only one thread uses it at a time, which the mutex around it guarantees.
unsafe impl Send for Cublas {}

impl Cublas {
    /// Creates a handle that queues on the given stream and multiplies in full f32 (no TF32).
    pub(super) fn new(stream: &CudaStream) -> Result<Self> {
        let handle = Self(result::create_handle().checked("cublasCreate")?);
        // SAFETY: handle and stream are alive; the two crates' stream types are the same pointer.
        unsafe { result::set_stream(handle.0, stream.cu_stream().cast()) }.checked("cublasSetStream")?;
        // SAFETY: the handle is alive.
        unsafe { sys::cublasSetMathMode(handle.0, sys::cublasMath_t::CUBLAS_DEFAULT_MATH) }
            .result()
            .checked("cublasSetMathMode")?;
        Ok(handle)
    }

    /// Computes `output [rows, columns] = factor * left [rows, inner] * right [inner, columns]`, all row-major; `right`
    /// is `[columns, inner]` if `transposed` is set.
    pub(super) fn gemm(
        &mut self,
        [rows, inner, columns]: [usize; 3],
        factor: f32,
        left: Address<'_>,
        (right, transposed): (Address<'_>, bool),
        output: Address<'_>,
    ) -> Result<()> {
        let (m, n, k) = (int(columns)?, int(rows)?, int(inner)?);
        // cuBLAS is column-major: it sees the transpose of each matrix and computes the transposed product.
        let (operation, leading_dimension) = match transposed {
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
                leading_dimension,
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

impl Drop for Cublas {
    fn drop(&mut self) {
        // SAFETY: not used afterwards. A failure would only leak memory.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}
