//! What training needs of a device.

use crate::loss::Contrast;
use crate::optim::Optimize;

/// A device that trains: the kernels of an encoder, optimisers, losses.
pub trait Compute: Optimize + Contrast {}

impl<D: Optimize + Contrast> Compute for D {}
