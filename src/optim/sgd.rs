//! Stochastic gradient descent, as `torch.optim.SGD` with dampening 0: the learning rate multiplies the momentum
//! buffer.

use crate::nn::Trainable;
use crate::optim::multi_tensor;
use crate::optim::{DecayedParameters, Options, RateScale, ReferenceParameter, SettingProblem, Step, UpdateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent, as in PyTorch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Peak learning rate, before `scale`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Momentum; 0 for none.
    #[serde(default)]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub momentum: f64,
    /// Nesterov momentum; needs `momentum` above 0.
    #[serde(default)]
    pub nesterov: bool,
    /// Weight decay of the parameters selected by `decay`, added to the gradient.
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

impl SgdConfig {
    pub(crate) const SUMMARY: &str = "Stochastic gradient descent, with optional momentum.";

    pub(super) fn examples() -> [Self; 1] {
        [Self {
            learning_rate: 0.1,
            momentum: 0.9,
            nesterov: true,
            weight_decay: 0.01,
            decay: DecayedParameters::default(),
            scale: RateScale::default(),
        }]
    }
}

impl UpdateRule for SgdConfig {
    fn name(&self) -> &'static str {
        "SGD"
    }

    fn options(&self) -> Options {
        Options { learning_rate: self.learning_rate, decay: self.decay, scale: self.scale }
    }

    fn set_learning_rate(&mut self, rate: f64) {
        (self.learning_rate, self.scale) = (rate, RateScale::None);
    }

    fn problems(&self) -> Vec<SettingProblem> {
        if !self.nesterov || self.momentum > 0.0 {
            return Vec::new();
        }
        vec![SettingProblem {
            keys: vec!["nesterov".to_owned()],
            message: "`nesterov` needs `momentum` above 0".to_owned(),
            help: Some("set `momentum`, for example to 0.9, or remove `nesterov`".to_owned()),
        }]
    }

    /// One for the momentum, if enabled.
    fn state_vectors(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn step(&self, step: Step, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>]) {
        let (rate, momentum) = (step.learning_rate as f32, self.momentum as f32);
        multi_tensor::update(parameters, state, |chunk| {
            let decay = if self.decay.includes(chunk.role) { self.weight_decay as f32 } else { 0.0 };
            let elements = chunk.values.iter_mut().zip(chunk.gradient.iter());
            let Some(velocity) = chunk.state.first_mut() else {
                elements.for_each(|(w, g)| *w -= rate * (g + decay * *w));
                return;
            };
            for ((w, g), v) in elements.zip(velocity.iter_mut()) {
                let g = g + decay * *w;
                *v = momentum * *v + g;
                *w -= rate * if self.nesterov { g + momentum * *v } else { *v };
            }
        });
    }

    fn reference_step(&self, step: Step, parameter: ReferenceParameter<'_>) {
        let ReferenceParameter { decays, values, gradient, state } = parameter;
        let decay = if decays { self.weight_decay } else { 0.0 };
        for (i, w) in values.iter_mut().enumerate() {
            let g = gradient[i] + decay * *w;
            let momentum = state.first_mut().map(|velocity| {
                velocity[i] = self.momentum * velocity[i] + g;
                velocity[i]
            });
            *w -= step.learning_rate
                * match momentum {
                    Some(v) if self.nesterov => g + self.momentum * v,
                    Some(v) => v,
                    None => g,
                };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesterov_momentum_needs_momentum() {
        let [mut sgd] = SgdConfig::examples();
        assert!(sgd.problems().is_empty());
        sgd.momentum = 0.0;
        assert_eq!(sgd.problems()[0].keys, ["nesterov"]);
        sgd.nesterov = false;
        assert!(sgd.problems().is_empty());
    }
}
