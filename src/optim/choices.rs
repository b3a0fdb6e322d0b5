//! Options of all optimizers: which parameters are decayed, and how the learning rate scales with the batch size.

use crate::nn::Role;
use crate::optim::OptimizerConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters that weight decay applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecayedParameters {
    /// Weights of convolutions and linear layers, as in the SimCLR code.
    #[default]
    Weights,
    /// All parameters, including biases and batch norm, as PyTorch's optimizers by default.
    All,
}

impl DecayedParameters {
    /// Whether weight decay applies to a parameter of this role.
    pub fn includes(self, role: Role) -> bool {
        self == Self::All || role == Role::Weight
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::Weights
    }
}

/// Scaling rules of the learning rate with the batch size (Chen et al. 2020, appendix B.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateScale {
    /// `learning_rate`, not scaled.
    #[default]
    None,
    /// `learning_rate * batch_size / 256`; the SimCLR paper uses 0.3.
    Linear,
    /// `learning_rate * sqrt(batch_size)`; the SimCLR paper uses 0.075.
    Sqrt,
}

impl RateScale {
    /// Returns the factor on the learning rate; `batch_size` counts images, not views.
    pub fn factor(self, batch_size: usize) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Linear => batch_size as f64 / 256.0,
            Self::Sqrt => (batch_size as f64).sqrt(),
        }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::None
    }
}

impl OptimizerConfig {
    /// Returns the peak learning rate.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(config) => config.learning_rate,
            Self::Adam(config) | Self::Adamw(config) => config.learning_rate,
            Self::Lars(config) => config.learning_rate,
        }
    }

    /// Returns the parameters that weight decay applies to.
    pub fn decayed(&self) -> DecayedParameters {
        match self {
            Self::Sgd(config) => config.decay,
            Self::Adam(config) | Self::Adamw(config) => config.decay,
            Self::Lars(config) => config.decay,
        }
    }

    /// Returns the optimizer with its learning rate scaled for a batch size; equal to one configured with that rate.
    #[must_use]
    pub fn for_batch_size(&self, batch_size: usize) -> Self {
        let mut optimizer = self.clone();
        let (rate, scale) = match &mut optimizer {
            Self::Sgd(config) => (&mut config.learning_rate, &mut config.scale),
            Self::Adam(config) | Self::Adamw(config) => (&mut config.learning_rate, &mut config.scale),
            Self::Lars(config) => (&mut config.learning_rate, &mut config.scale),
        };
        *rate *= scale.factor(batch_size);
        *scale = RateScale::None;
        optimizer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optimizer(text: &str) -> OptimizerConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn rates_scale_with_the_batch_size_as_in_the_paper() {
        let rate = |scale: &str, learning_rate: f64, batch_size| {
            let text = format!(r#"{{"lars": {{"learning_rate": {learning_rate}, "scale": "{scale}"}}}}"#);
            optimizer(&text).for_batch_size(batch_size).learning_rate()
        };
        assert_eq!(rate("none", 0.3, 4096), 0.3);
        // Appendix B.1: 4.8 with a batch size of 4096 under both rules.
        assert_eq!(rate("linear", 0.3, 4096), 4.8);
        assert_eq!(rate("sqrt", 0.075, 4096), 4.8);
        assert_eq!(rate("sqrt", 0.1, 25), 0.5);
    }

    #[test]
    fn a_scaled_rate_equals_the_same_rate_without_scaling() {
        let scaled = optimizer(r#"{"adam": {"learning_rate": 2.5e-4, "scale": "sqrt"}}"#).for_batch_size(256);
        let written = optimizer(r#"{"adam": {"learning_rate": 4e-3}}"#);
        assert_eq!(scaled, written);
        assert_eq!(serde_json::to_string(&scaled).unwrap(), serde_json::to_string(&written).unwrap());
        assert!(!serde_json::to_string(&written).unwrap().contains("decay\":\"weights"), "defaults are not serialized");
    }
}
