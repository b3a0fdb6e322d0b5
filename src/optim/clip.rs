//! Scaling the gradient of all parameters down to a length.

use crate::base::Result;
use crate::nn::Trainable;
use crate::optim::Optimize;

/// Added to the length before dividing by it, as PyTorch does.
const CLIP_EPSILON: f64 = 1e-6;

/// Scales the gradients, whose length is `norm`, down to the length `most`, as `torch.nn.utils.clip_grad_norm_`.
/// Shorter ones stay; so do those whose length is not finite, at which the caller stops.
///
/// # Errors
/// The device failed.
pub fn clip_gradients<D: Optimize>(
    device: &D,
    parameters: &mut [Trainable<'_, D::Buffer>],
    norm: f64,
    most: f64,
) -> Result<()> {
    let factor = most / (norm + CLIP_EPSILON);
    if !norm.is_finite() || factor >= 1.0 {
        return Ok(());
    }
    device.scale_gradients(parameters, factor as f32)
}
