//! LARS (You et al. 2017, arXiv 1708.03888) as in `lars_optimizer.py` of google-research/simclr, with its classic
//! momentum: the learning rate and the trust ratio are inside the momentum, and biases and batch norm get neither
//! weight decay nor a trust ratio, only momentum.

use crate::nn::{Role, Trainable};
use crate::optim::config::LarsConfig;
use crate::optim::sweep;

/// State vectors of each parameter: the momentum of the scaled gradient.
pub(super) const STATE_VECTORS: usize = 1;

/// One step.
pub(super) fn step(config: &LarsConfig, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>], rate: f64) {
    let decay = config.weight_decay as f32;
    decay_gradients(parameters, decay);
    let rates: Vec<f32> =
        parameters.iter().map(|parameter| (rate * trust_ratio(config.trust, parameter)) as f32).collect();
    let momentum = config.momentum as f32;
    sweep::update(parameters, state, |chunk| {
        let rate = rates[chunk.parameter];
        let Some(velocity) = chunk.state.first_mut() else { return };
        for ((w, g), v) in chunk.values.iter_mut().zip(chunk.gradient.iter()).zip(velocity.iter_mut()) {
            *v = momentum * *v + rate * g;
            *w -= *v;
        }
    });
}

fn decay_gradients(parameters: &mut [Trainable<'_, Vec<f32>>], decay: f32) {
    if decay == 0.0 {
        return;
    }
    sweep::update(parameters, &mut [], |chunk| {
        if chunk.role == Role::Weight {
            chunk.gradient.iter_mut().zip(chunk.values.iter()).for_each(|(g, w)| *g += decay * w);
        }
    });
}

/// `trust * |weights| / |gradient|`, or 1 where either is 0 or the parameter is no weight.
fn trust_ratio(trust: f64, parameter: &Trainable<'_, Vec<f32>>) -> f64 {
    if parameter.role != Role::Weight {
        return 1.0;
    }
    let weights = sweep::square_sum(parameter.values).sqrt();
    let gradient = sweep::square_sum(parameter.gradient).sqrt();
    if weights > 0.0 && gradient > 0.0 { trust * weights / gradient } else { 1.0 }
}
