//! Structures that are passed to kernels by value.

use cudarc::driver::DeviceRepr;

/// `MaxPoolShape` of `max_pool.cu`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct MaxPoolShape {
    pub(super) channels: i32,
    pub(super) kernel: i32,
    pub(super) stride: i32,
    pub(super) padding: i32,
    pub(super) side: i32,
    pub(super) output_side: i32,
}

// SAFETY: six ints in the order of the kernel's structure.
unsafe impl DeviceRepr for MaxPoolShape {}

/// `AdamStep` of `optimizers.cu`, the coefficients of one step of Adam or AdamW.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct AdamStep {
    /// `rate / (1 - beta1^step)`.
    pub(crate) size: f32,
    /// `1 / sqrt(1 - beta2^step)`.
    pub(crate) root: f32,
    /// `beta1`.
    pub(crate) keep1: f32,
    /// `1 - beta1`.
    pub(crate) add1: f32,
    /// `beta2`.
    pub(crate) keep2: f32,
    /// `1 - beta2`.
    pub(crate) add2: f32,
    /// Added to the square root of the second moment.
    pub(crate) epsilon: f32,
    /// Weight decay added to the gradient: 0 for AdamW.
    pub(crate) in_gradient: f32,
    /// Factor of the weights: 1 for Adam, `1 - rate * weight decay` for AdamW.
    pub(crate) shrink: f32,
}

// SAFETY: nine floats in the order of the kernel's structure.
unsafe impl DeviceRepr for AdamStep {}
