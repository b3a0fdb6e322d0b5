//! LARS (You et al. 2017, arXiv 1708.03888) as in `lars_optimizer.py` of google-research/simclr with
//! `classic_momentum`: the learning rate and the trust ratio are inside the momentum, and biases and batch norm get
//! neither weight decay nor a trust ratio, only momentum. With `decay = "all"` they get both, as with an empty list of
//! exclusions there.

use crate::nn::Trainable;
use crate::optim::config::LarsConfig;
use crate::optim::multi_tensor;

/// State vectors per parameter: the momentum of the scaled gradient.
pub(super) const STATE_VECTORS: usize = 1;

/// Takes one step.
pub(super) fn step(config: &LarsConfig, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>], rate: f64) {
    decay_gradients(config, parameters);
    let rates: Vec<f32> = parameters.iter().map(|parameter| (rate * trust_ratio(config, parameter)) as f32).collect();
    let momentum = config.momentum as f32;
    multi_tensor::update(parameters, state, |chunk| {
        let rate = rates[chunk.parameter];
        let Some(velocity) = chunk.state.first_mut() else { return };
        for ((w, g), v) in chunk.values.iter_mut().zip(chunk.gradient.iter()).zip(velocity.iter_mut()) {
            *v = momentum * *v + rate * g;
            *w -= *v;
        }
    });
}

fn decay_gradients(config: &LarsConfig, parameters: &mut [Trainable<'_, Vec<f32>>]) {
    let decay = config.weight_decay as f32;
    if decay == 0.0 {
        return;
    }
    multi_tensor::update(parameters, &mut [], |chunk| {
        if config.decay.includes(chunk.role) {
            chunk.gradient.iter_mut().zip(chunk.values.iter()).for_each(|(g, w)| *g += decay * w);
        }
    });
}

/// Returns `trust * |weights| / |gradient|`, or 1 if either norm is 0 or the parameter has no trust ratio.
fn trust_ratio(config: &LarsConfig, parameter: &Trainable<'_, Vec<f32>>) -> f64 {
    if !config.decay.includes(parameter.role) {
        return 1.0;
    }
    let weights = multi_tensor::square_sum(parameter.values).sqrt();
    let gradient = multi_tensor::square_sum(parameter.gradient).sqrt();
    if weights > 0.0 && gradient > 0.0 { config.trust * weights / gradient } else { 1.0 }
}
