//! What training needs of a device.

use crate::loss::NtXentKernel;
use crate::optim::Optimize;

/// A device that trains: the kernels of an encoder, optimizers, losses.
pub trait Compute: Optimize + NtXentKernel {}

impl<D: Optimize + NtXentKernel> Compute for D {}
