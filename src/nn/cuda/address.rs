//! Device pointers as kernels and libraries take them.

use cudarc::driver::DeviceRepr;
use std::ffi::c_void;
use std::marker::PhantomData;

/// A device pointer; the block that it points into lives at least as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Address<'a> {
    raw: u64,
    block: PhantomData<&'a ()>,
}

impl Address<'_> {
    /// Wraps a `CUdeviceptr`.
    pub(super) fn new(raw: u64) -> Self {
        Self { raw, block: PhantomData }
    }

    /// Returns a null pointer, for optional arguments of kernels.
    pub(super) fn null() -> Self {
        Self::new(0)
    }

    /// Returns the address `bytes` further on in the same block.
    pub(super) fn offset(self, bytes: usize) -> Self {
        Self::new(self.raw + bytes as u64)
    }

    /// Returns the `CUdeviceptr`.
    pub(super) fn raw(self) -> u64 {
        self.raw
    }

    /// Returns the pointer as the CUDA libraries take it.
    pub(super) fn pointer(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.raw as usize)
    }
}

// SAFETY: a transparent u64, the representation of a device pointer.
unsafe impl DeviceRepr for Address<'_> {}
