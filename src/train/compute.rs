//! The operations of a device that training needs.

use crate::loss::NtXentKernel;
use crate::optim::Optimize;

/// A device with all kernels of training: encoders, optimizers, losses.
pub trait Compute: Optimize + NtXentKernel {}

impl<D: Optimize + NtXentKernel> Compute for D {}
