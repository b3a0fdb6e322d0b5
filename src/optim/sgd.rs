//! Stochastic gradient descent, as `torch.optim.SGD` with dampening 0: the learning rate multiplies the momentum
//! buffer.

use crate::nn::Trainable;
use crate::optim::config::SgdConfig;
use crate::optim::multi_tensor;

/// Returns the number of state vectors per parameter: one for the momentum, if enabled.
pub(super) fn state_vectors(config: &SgdConfig) -> usize {
    usize::from(config.momentum > 0.0)
}

/// Takes one step.
pub(super) fn step(config: &SgdConfig, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>], rate: f64) {
    let (rate, momentum) = (rate as f32, config.momentum as f32);
    multi_tensor::update(parameters, state, |chunk| {
        let decay = if config.decay.includes(chunk.role) { config.weight_decay as f32 } else { 0.0 };
        let elements = chunk.values.iter_mut().zip(chunk.gradient.iter());
        let Some(velocity) = chunk.state.first_mut() else {
            elements.for_each(|(w, g)| *w -= rate * (g + decay * *w));
            return;
        };
        for ((w, g), v) in elements.zip(velocity.iter_mut()) {
            let g = g + decay * *w;
            *v = momentum * *v + g;
            *w -= rate * if config.nesterov { g + momentum * *v } else { *v };
        }
    });
}
