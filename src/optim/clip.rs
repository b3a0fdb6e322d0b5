//! Gradient clipping by global norm.

use crate::base::Result;
use crate::nn::Trainable;
use crate::optim::Optimize;

/// Added to the norm before dividing by it, as in PyTorch.
const CLIP_EPSILON: f64 = 1e-6;

/// Scales gradients with global norm `norm` down to `max_norm`, as `torch.nn.utils.clip_grad_norm_`. Gradients with a
/// smaller norm are unchanged, and so are those with a norm that is not finite, which stops the caller.
///
/// # Errors
/// The device failed.
pub fn clip_gradients<D: Optimize>(
    device: &D,
    parameters: &mut [Trainable<'_, D::Buffer>],
    norm: f64,
    max_norm: f64,
) -> Result<()> {
    let factor = max_norm / (norm + CLIP_EPSILON);
    if !norm.is_finite() || factor >= 1.0 {
        return Ok(());
    }
    device.scale_gradients(parameters, factor as f32)
}
