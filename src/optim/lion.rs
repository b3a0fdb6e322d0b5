//! Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2; reference: `lion_pytorch.py` of google/automl): the sign of a
//! momentum that is interpolated twice, with decoupled weight decay. Every weight moves by the learning rate, so that
//! is usually 3 to 10 times smaller than AdamW's, and the weight decay as much larger.

use crate::nn::Trainable;
use crate::optim::multi_tensor;
use crate::optim::options::decay_rate_schema;
use crate::optim::{DecayedParameters, Options, RateScale, ReferenceParameter, Step, UpdateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lion, as in the code of its authors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LionConfig {
    /// Peak learning rate, before `scale`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Weight of the momentum in the update, and decay rate of the momentum.
    #[serde(default = "LionConfig::default_betas")]
    #[schemars(extend("items" = decay_rate_schema()))]
    pub betas: [f64; 2],
    /// Weight decay of the parameters selected by `decay`, not added to the gradient.
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

impl LionConfig {
    pub(crate) const SUMMARY: &str =
        "Lion (Chen et al. 2023): the sign of an interpolated momentum, with decoupled weight decay.";

    fn default_betas() -> [f64; 2] {
        [0.9, 0.99]
    }

    pub(super) fn examples() -> [Self; 1] {
        [Self {
            learning_rate: 0.1,
            betas: Self::default_betas(),
            weight_decay: 0.01,
            decay: DecayedParameters::default(),
            scale: RateScale::default(),
        }]
    }
}

impl UpdateRule for LionConfig {
    fn name(&self) -> &'static str {
        "Lion"
    }

    fn options(&self) -> Options {
        Options { learning_rate: self.learning_rate, decay: self.decay, scale: self.scale }
    }

    fn set_learning_rate(&mut self, rate: f64) {
        (self.learning_rate, self.scale) = (rate, RateScale::None);
    }

    /// The momentum.
    fn state_vectors(&self) -> usize {
        1
    }

    fn step(&self, step: Step, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>]) {
        let rate = step.learning_rate as f32;
        let [keep1, keep2] = self.betas.map(|beta| beta as f32);
        let [add1, add2] = self.betas.map(|beta| (1.0 - beta) as f32);
        multi_tensor::update(parameters, state, |chunk| {
            let decay = if self.decay.includes(chunk.role) { self.weight_decay } else { 0.0 };
            let shrink = (1.0 - step.learning_rate * decay) as f32;
            let Some(momentum) = chunk.state.first_mut() else { return };
            for ((w, g), m) in chunk.values.iter_mut().zip(chunk.gradient.iter()).zip(momentum.iter_mut()) {
                *w = shrink * *w - rate * sign(keep1 * *m + add1 * g);
                *m = keep2 * *m + add2 * g;
            }
        });
    }

    fn reference_step(&self, step: Step, parameter: ReferenceParameter<'_>) {
        let ReferenceParameter { decays, values, gradient, state } = parameter;
        let [momentum] = state else { return };
        let ([beta1, beta2], decay) = (self.betas, if decays { self.weight_decay } else { 0.0 });
        for ((w, g), m) in values.iter_mut().zip(gradient).zip(momentum) {
            let interpolated = beta1 * *m + (1.0 - beta1) * g;
            let update = if interpolated == 0.0 { 0.0 } else { interpolated.signum() };
            *w -= step.learning_rate * (update + decay * *w);
            *m = beta2 * *m + (1.0 - beta2) * g;
        }
    }
}

/// Returns -1, 0 or 1, as `torch.sign`; Rust's `signum` of 0 is 1.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Role;

    fn lion(text: &str) -> LionConfig {
        serde_json::from_str(text).unwrap()
    }

    /// Takes a step per gradient of one parameter; returns its values and its momentum after each.
    fn run(config: &LionConfig, role: Role, start: &[f32], gradients: &[&[f32]]) -> Vec<[Vec<f32>; 2]> {
        let (mut values, mut state) = (start.to_vec(), vec![vec![0.0; start.len()]]);
        let mut after = Vec::new();
        for (index, gradient) in gradients.iter().enumerate() {
            let mut gradient = gradient.to_vec();
            let trainable = Trainable { values: &mut values, gradient: &mut gradient, role };
            let step = Step { learning_rate: config.learning_rate, number: index as u64 + 1 };
            config.step(step, &mut [trainable], &mut state);
            after.push([values.clone(), state[0].clone()]);
        }
        after
    }

    fn assert_near(got: &[f32], expected: &[f64]) {
        let far = got.iter().zip(expected).any(|(got, expected)| (f64::from(*got) - expected).abs() > 1e-6);
        assert!(got.len() == expected.len() && !far, "{got:?} instead of {expected:?}");
    }

    /// Worked out by hand. Weight decay 0.1 at rate 0.1 shrinks by 0.99 per step. In the second step the momentum
    /// 0.01 * [1, -2, 0] and the gradient [-0.05, 3, 0] interpolate to [0.004, 0.282, 0] with betas 0.9 and 0.99: the
    /// first keeps its sign against its gradient, the second turns, the third has none.
    #[test]
    fn two_steps_are_those_of_the_paper() {
        let config = lion(r#"{"learning_rate": 0.1, "weight_decay": 0.1}"#);
        let after = run(&config, Role::Weight, &[1.0, -1.0, 2.0], &[&[1.0, -2.0, 0.0], &[-0.05, 3.0, 0.0]]);
        assert_near(&after[0][0], &[0.89, -0.89, 1.98]);
        assert_near(&after[0][1], &[0.01, -0.02, 0.0]);
        assert_near(&after[1][0], &[0.99 * 0.89 - 0.1, -0.99 * 0.89 - 0.1, 0.99 * 1.98]);
        assert_near(&after[1][1], &[0.99 * 0.01 - 0.01 * 0.05, -0.99 * 0.02 + 0.01 * 3.0, 0.0]);
    }

    /// Against the formula of the paper unrolled over the history of gradients, without a momentum variable: before
    /// step t the momentum is the sum over s < t of (1 - b2) b2^(t - 1 - s) g_s.
    #[test]
    fn the_momentum_is_the_weighted_history_of_gradients() {
        const STEPS: usize = 12;
        let gradients: Vec<Vec<f32>> = (0..STEPS)
            .map(|t| (0..5).map(|i| (0.7 + 1.3 * t as f32 + 2.1 * i as f32).sin() + 0.05 * i as f32).collect())
            .collect();
        let start = [0.4f32, -0.3, 0.2, 0.9, -1.1];
        for (betas, role, text) in [
            ([0.9, 0.99], Role::Weight, r#"{"learning_rate": 0.02, "weight_decay": 0.5}"#),
            ([0.7, 0.8], Role::Bias, r#"{"learning_rate": 0.02, "weight_decay": 0.5, "betas": [0.7, 0.8]}"#),
        ] {
            let decay = if role == Role::Weight { 0.5 } else { 0.0 };
            let slices: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
            let after = run(&lion(text), role, &start, &slices);
            for i in 0..start.len() {
                let g = |t: usize| f64::from(gradients[t][i]);
                let mut expected = f64::from(start[i]);
                for (t, [values, _]) in after.iter().enumerate() {
                    let weight = |s: usize| (1.0 - betas[1]) * f64::powi(betas[1], (t - 1 - s) as i32);
                    let momentum: f64 = (0..t).map(|s| weight(s) * g(s)).sum();
                    let direction = betas[0] * momentum + (1.0 - betas[0]) * g(t);
                    assert!(direction.abs() > 1e-4, "rounding may not decide a sign of this test");
                    expected -= 0.02 * (direction.signum() + decay * expected);
                    assert!((f64::from(values[i]) - expected).abs() < 1e-5, "{betas:?}, step {t}, value {i}");
                }
            }
        }
    }
}
