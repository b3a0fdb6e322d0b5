//! NT-Xent as an operation of a device.

use crate::base::Result;
use crate::loss::{NtXentConfig, NtXentOutput};
use crate::nn::{Backend, Taped};

/// A device that computes NT-Xent and its gradient in one operation.
pub trait NtXentKernel: Backend {
    /// NT-Xent of `z`, `[2n, width]` with n of at least 1, as [`nt_xent`](crate::loss::nt_xent()) defines it: the loss
    /// on the tape of `z`, whose way back adds to the gradient of `z`.
    ///
    /// # Errors
    /// The device failed.
    fn nt_xent(z: Taped<Self>, config: &NtXentConfig) -> Result<NtXentOutput<Self>>;
}
