//! The operations of a device that training needs.

use crate::loss::LossKernels;
use crate::optim::Optimize;

/// A device with all kernels of training: encoders, optimizers, losses.
pub trait Compute: Optimize + LossKernels {}

impl<D: Optimize + LossKernels> Compute for D {}
