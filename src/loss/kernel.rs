//! NT-Xent as a fused operation of a device.

use crate::base::Result;
use crate::loss::{NtXentConfig, NtXentOutput};
use crate::nn::{Backend, Taped};

/// A device that computes NT-Xent and its gradient in one operation.
pub trait NtXentKernel: Backend {
    /// Computes NT-Xent of `z`, `[2n, width]` with n of at least 1, as defined by [`nt_xent`](crate::loss::nt_xent()).
    /// The loss is on the tape of `z`; its backward pass accumulates into the gradient of `z`.
    ///
    /// # Errors
    /// The device failed.
    fn nt_xent(z: Taped<Self>, config: &NtXentConfig) -> Result<NtXentOutput<Self>>;
}
