//! LARS (You et al. 2017, arXiv 1708.03888) as in `lars_optimizer.py` of google-research/simclr with
//! `classic_momentum`: the learning rate and the trust ratio are inside the momentum, and biases and batch norm get
//! neither weight decay nor a trust ratio, only momentum. With `decay = "all"` they get both, as with an empty list of
//! exclusions there.

use crate::nn::Trainable;
use crate::optim::multi_tensor;
use crate::optim::{DecayedParameters, Options, RateScale, ReferenceParameter, Step, UpdateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// LARS, as in the SimCLR code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LarsConfig {
    /// Peak learning rate, before `scale`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Momentum.
    #[serde(default = "LarsConfig::default_momentum")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub momentum: f64,
    /// Weight decay of the parameters selected by `decay`.
    #[serde(default = "LarsConfig::default_weight_decay")]
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
    /// Trust coefficient.
    #[serde(default = "LarsConfig::default_trust")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub trust: f64,
    /// Parameters with weight decay and a trust ratio; the others only have momentum.
    #[serde(default, skip_serializing_if = "DecayedParameters::is_default")]
    #[schemars(extend("default" = "weights"))]
    pub decay: DecayedParameters,
    /// Scaling of the learning rate with the batch size of the stage.
    #[serde(default, skip_serializing_if = "RateScale::is_default")]
    #[schemars(extend("default" = "none"))]
    pub scale: RateScale,
}

impl LarsConfig {
    pub(crate) const SUMMARY: &str =
        "LARS (You et al. 2017); by default biases and batch norm get neither layer-wise adaptation nor weight decay.";

    fn default_momentum() -> f64 {
        0.9
    }

    fn default_weight_decay() -> f64 {
        1e-6
    }

    fn default_trust() -> f64 {
        1e-3
    }

    pub(super) fn examples() -> [Self; 1] {
        [Self {
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay: 0.01,
            trust: 0.02,
            decay: DecayedParameters::default(),
            scale: RateScale::default(),
        }]
    }

    fn decay_gradients(&self, parameters: &mut [Trainable<'_, Vec<f32>>]) {
        let decay = self.weight_decay as f32;
        if decay == 0.0 {
            return;
        }
        multi_tensor::update(parameters, &mut [], |chunk| {
            if self.decay.includes(chunk.role) {
                chunk.gradient.iter_mut().zip(chunk.values.iter()).for_each(|(g, w)| *g += decay * w);
            }
        });
    }

    /// Returns `trust * |weights| / |gradient|`, or 1 if either norm is 0 or the parameter has no trust ratio.
    fn trust_ratio(&self, parameter: &Trainable<'_, Vec<f32>>) -> f64 {
        if !self.decay.includes(parameter.role) {
            return 1.0;
        }
        let weights = multi_tensor::square_sum(parameter.values).sqrt();
        let gradient = multi_tensor::square_sum(parameter.gradient).sqrt();
        if weights > 0.0 && gradient > 0.0 { self.trust * weights / gradient } else { 1.0 }
    }
}

impl UpdateRule for LarsConfig {
    fn name(&self) -> &'static str {
        "LARS"
    }

    fn options(&self) -> Options {
        Options { learning_rate: self.learning_rate, decay: self.decay, scale: self.scale }
    }

    fn set_learning_rate(&mut self, rate: f64) {
        (self.learning_rate, self.scale) = (rate, RateScale::None);
    }

    /// The momentum of the scaled gradient.
    fn state_vectors(&self) -> usize {
        1
    }

    /// Adds the weight decay to the gradients.
    fn step(&self, step: Step, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>]) {
        self.decay_gradients(parameters);
        let rate = |parameter| (step.learning_rate * self.trust_ratio(parameter)) as f32;
        let rates: Vec<f32> = parameters.iter().map(rate).collect();
        let momentum = self.momentum as f32;
        multi_tensor::update(parameters, state, |chunk| {
            let rate = rates[chunk.parameter];
            let Some(velocity) = chunk.state.first_mut() else { return };
            for ((w, g), v) in chunk.values.iter_mut().zip(chunk.gradient.iter()).zip(velocity.iter_mut()) {
                *v = momentum * *v + rate * g;
                *w -= *v;
            }
        });
    }

    fn reference_step(&self, step: Step, parameter: ReferenceParameter<'_>) {
        let ReferenceParameter { decays, values, gradient, state } = parameter;
        let [velocity] = state else { return };
        let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
        let decay = if decays { self.weight_decay } else { 0.0 };
        let gradient: Vec<f64> = gradient.iter().zip(values.iter()).map(|(g, w)| g + decay * w).collect();
        let trust = if decays { self.trust * norm(values) / norm(&gradient) } else { 1.0 };
        for ((w, g), v) in values.iter_mut().zip(gradient).zip(velocity) {
            *v = self.momentum * *v + step.learning_rate * trust * g;
            *w -= *v;
        }
    }
}
