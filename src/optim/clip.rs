//! The length of the gradient over all parameters, and scaling it down.

use crate::nn::Trainable;
use crate::optim::sweep;

/// Added to the length before dividing by it, as PyTorch does.
const CLIP_EPSILON: f64 = 1e-6;

/// Euclidean length of all gradients together; NaN or infinite where one of them is.
pub fn gradient_norm(parameters: &[Trainable<'_>]) -> f64 {
    parameters.iter().map(|parameter| sweep::square_sum(parameter.gradient)).sum::<f64>().sqrt()
}

/// Scales the gradients, whose length is `norm`, down to the length `most`, as `torch.nn.utils.clip_grad_norm_`.
/// Shorter ones stay; so do those whose length is not finite, at which the caller stops.
pub fn clip_gradients(parameters: &mut [Trainable<'_>], norm: f64, most: f64) {
    let factor = most / (norm + CLIP_EPSILON);
    if !norm.is_finite() || factor >= 1.0 {
        return;
    }
    let factor = factor as f32;
    sweep::update(parameters, &mut [], |chunk| chunk.gradient.iter_mut().for_each(|g| *g *= factor));
}
