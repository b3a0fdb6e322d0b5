//! Options of all optimizers: which parameters are decayed, and how the learning rate scales with the batch size.

use crate::nn::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    pub(crate) fn includes(self, role: Role) -> bool {
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

/// The options that every optimizer has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Peak learning rate, before `scale`.
    pub learning_rate: f64,
    /// Parameters that weight decay applies to.
    pub decay: DecayedParameters,
    /// Scaling of the learning rate with the batch size.
    pub scale: RateScale,
}

/// Returns the schema of a decay rate of moments, at least 0 and below 1: the items of `betas`.
pub(super) fn decay_rate_schema() -> Value {
    json!({ "type": "number", "format": "double", "minimum": 0, "exclusiveMaximum": 1 })
}

#[cfg(test)]
mod tests {
    use crate::optim::OptimizerConfig;

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
