//! Places in device memory as kernels and libraries take them.

use cudarc::driver::DeviceRepr;
use std::ffi::c_void;
use std::marker::PhantomData;

/// Where something lies on the device; it is not freed as long as this lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Address<'a> {
    place: u64,
    of: PhantomData<&'a ()>,
}

impl Address<'_> {
    /// The place that the driver calls by this number.
    pub(super) fn new(place: u64) -> Self {
        Self { place, of: PhantomData }
    }

    /// No place, where a kernel may do without.
    pub(super) fn none() -> Self {
        Self::new(0)
    }

    /// The place so many bytes further on in the same block.
    pub(super) fn after(self, bytes: usize) -> Self {
        Self::new(self.place + bytes as u64)
    }

    /// The driver's number for it.
    pub(super) fn place(self) -> u64 {
        self.place
    }

    /// As libraries want it.
    pub(super) fn pointer(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.place as usize)
    }
}

// SAFETY: a transparent u64, which is what a pointer is on the device.
unsafe impl DeviceRepr for Address<'_> {}
