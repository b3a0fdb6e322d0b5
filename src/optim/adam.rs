//! Adam (Kingma and Ba 2014) and AdamW (Loshchilov and Hutter 2017), as `torch.optim.Adam` and `torch.optim.AdamW`.

use crate::nn::Trainable;
use crate::optim::config::AdamConfig;
use crate::optim::multi_tensor;

/// How weight decay is applied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WeightDecay {
    /// Added to the gradient (Adam).
    Coupled,
    /// Applied to the weight directly (AdamW).
    Decoupled,
}

/// State vectors per parameter: the first and second moment.
pub(super) const STATE_VECTORS: usize = 2;

/// Takes step `number`, the first being 1.
pub(super) fn step(
    config: &AdamConfig,
    kind: WeightDecay,
    parameters: &mut [Trainable<'_, Vec<f32>>],
    state: &mut [Vec<f32>],
    rate: f64,
    number: u64,
) {
    let [beta1, beta2] = config.betas;
    let correction = |beta: f64| 1.0 - beta.powf(number as f64);
    let size = (rate / correction(beta1)) as f32;
    let root = (1.0 / correction(beta2).sqrt()) as f32;
    let (keep1, add1, keep2, add2) = (beta1 as f32, (1.0 - beta1) as f32, beta2 as f32, (1.0 - beta2) as f32);
    let epsilon = config.epsilon as f32;
    multi_tensor::update(parameters, state, |chunk| {
        let decay = if config.decay.includes(chunk.role) { config.weight_decay } else { 0.0 };
        let (in_gradient, shrink) = match kind {
            WeightDecay::Coupled => (decay as f32, 1.0),
            WeightDecay::Decoupled => (0.0, (1.0 - rate * decay) as f32),
        };
        let [first, second] = &mut chunk.state[..] else { return };
        let moments = first.iter_mut().zip(second.iter_mut());
        for ((w, g), (m, v)) in chunk.values.iter_mut().zip(chunk.gradient.iter()).zip(moments) {
            let g = g + in_gradient * *w;
            *m = keep1 * *m + add1 * g;
            *v = keep2 * *v + add2 * g * g;
            *w = shrink * *w - size * *m / (v.sqrt() * root + epsilon);
        }
    });
}
