//! Adam (Kingma and Ba 2014, arXiv 1412.6980), as `torch.optim.Adam`, and the update that it shares with AdamW.

use crate::nn::Trainable;
use crate::optim::multi_tensor;
use crate::optim::options::decay_rate_schema;
use crate::optim::{DecayedParameters, Options, RateScale, ReferenceParameter, Step, UpdateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adam and AdamW, as in PyTorch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Peak learning rate, before `scale`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Decay rates of the first and second moment.
    #[serde(default = "AdamConfig::default_betas")]
    #[schemars(extend("items" = decay_rate_schema()))]
    pub betas: [f64; 2],
    /// Added to the denominator for numerical stability.
    #[serde(default = "AdamConfig::default_epsilon")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// Weight decay of the parameters selected by `decay`.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
    /// Parameters that weight decay applies to.
    #[serde(default, skip_serializing_if = "DecayedParameters::is_default")]
    #[schemars(extend("default" = "weights"))]
    pub decay: DecayedParameters,
    /// Scaling of the learning rate with the batch size of the stage.
    #[serde(default, skip_serializing_if = "RateScale::is_default")]
    #[schemars(extend("default" = "none"))]
    pub scale: RateScale,
}

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

impl AdamConfig {
    pub(crate) const SUMMARY: &str =
        "Adam (Kingma and Ba 2014) with L2 regularization: weight decay is added to the gradient.";

    fn default_betas() -> [f64; 2] {
        [0.9, 0.999]
    }

    fn default_epsilon() -> f64 {
        1e-8
    }

    /// Returns Adam with the defaults of a pipeline file.
    pub(crate) fn with_learning_rate(learning_rate: f64) -> Self {
        Self {
            learning_rate,
            betas: Self::default_betas(),
            epsilon: Self::default_epsilon(),
            weight_decay: 0.0,
            decay: DecayedParameters::default(),
            scale: RateScale::default(),
        }
    }

    pub(super) fn examples() -> [Self; 1] {
        [Self { weight_decay: 0.01, ..Self::with_learning_rate(0.1) }]
    }

    pub(super) fn step_with(
        &self,
        kind: WeightDecay,
        step: Step,
        parameters: &mut [Trainable<'_, Vec<f32>>],
        state: &mut [Vec<f32>],
    ) {
        let ([beta1, beta2], rate) = (self.betas, step.learning_rate);
        let correction = |beta: f64| 1.0 - beta.powf(step.number as f64);
        let size = (rate / correction(beta1)) as f32;
        let root = (1.0 / correction(beta2).sqrt()) as f32;
        let (keep1, add1, keep2, add2) = (beta1 as f32, (1.0 - beta1) as f32, beta2 as f32, (1.0 - beta2) as f32);
        let epsilon = self.epsilon as f32;
        multi_tensor::update(parameters, state, |chunk| {
            let decay = if self.decay.includes(chunk.role) { self.weight_decay } else { 0.0 };
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

    pub(super) fn reference_step_with(&self, kind: WeightDecay, step: Step, parameter: ReferenceParameter<'_>) {
        let ReferenceParameter { decays, values, gradient, state } = parameter;
        let [first, second] = state else { return };
        let ([beta1, beta2], decay) = (self.betas, if decays { self.weight_decay } else { 0.0 });
        for ((w, g), (m, v)) in values.iter_mut().zip(gradient).zip(first.iter_mut().zip(second)) {
            let g = match kind {
                WeightDecay::Coupled => g + decay * *w,
                WeightDecay::Decoupled => *g,
            };
            if kind == WeightDecay::Decoupled {
                *w -= step.learning_rate * decay * *w;
            }
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            let number = step.number as i32;
            let (mean, square) = (*m / (1.0 - beta1.powi(number)), *v / (1.0 - beta2.powi(number)));
            *w -= step.learning_rate * mean / (square.sqrt() + self.epsilon);
        }
    }
}

impl UpdateRule for AdamConfig {
    fn name(&self) -> &'static str {
        "Adam"
    }

    fn options(&self) -> Options {
        Options { learning_rate: self.learning_rate, decay: self.decay, scale: self.scale }
    }

    fn set_learning_rate(&mut self, rate: f64) {
        (self.learning_rate, self.scale) = (rate, RateScale::None);
    }

    fn state_vectors(&self) -> usize {
        STATE_VECTORS
    }

    fn step(&self, step: Step, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>]) {
        self.step_with(WeightDecay::Coupled, step, parameters, state);
    }

    fn reference_step(&self, step: Step, parameter: ReferenceParameter<'_>) {
        self.reference_step_with(WeightDecay::Coupled, step, parameter);
    }
}
