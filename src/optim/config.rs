//! Optimizer and schedule settings of a pipeline file.

use crate::base::range;
use crate::optim::{DecayedParameters, RateScale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The optimizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Stochastic gradient descent, with optional momentum.
    Sgd(SgdConfig),
    /// Adam (Kingma and Ba 2014) with L2 regularization: weight decay is added to the gradient.
    Adam(AdamConfig),
    /// AdamW (Loshchilov and Hutter 2017): decoupled weight decay.
    Adamw(AdamConfig),
    /// LARS (You et al. 2017); by default biases and batch norm get neither layer-wise adaptation nor weight decay.
    Lars(LarsConfig),
}

/// Stochastic gradient descent, as in PyTorch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SgdConfig {
    /// Peak learning rate, before `scale`.
    #[serde(deserialize_with = "range::positive")]
    pub learning_rate: f64,
    /// Momentum; 0 for none.
    #[serde(default, deserialize_with = "range::below_one")]
    pub momentum: f64,
    /// Nesterov momentum; needs `momentum` above 0.
    #[serde(default)]
    pub nesterov: bool,
    /// Weight decay of the parameters selected by `decay`, added to the gradient.
    #[serde(default, deserialize_with = "range::non_negative")]
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

/// Adam and AdamW, as in PyTorch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamConfig {
    /// Peak learning rate, before `scale`.
    #[serde(deserialize_with = "range::positive")]
    pub learning_rate: f64,
    /// Decay rates of the first and second moment.
    #[serde(default = "AdamConfig::default_betas", deserialize_with = "betas")]
    pub betas: [f64; 2],
    /// Added to the denominator for numerical stability.
    #[serde(default = "AdamConfig::default_epsilon", deserialize_with = "range::positive")]
    pub epsilon: f64,
    /// Weight decay of the parameters selected by `decay`.
    #[serde(default, deserialize_with = "range::non_negative")]
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

impl AdamConfig {
    fn default_betas() -> [f64; 2] {
        [0.9, 0.999]
    }
    fn default_epsilon() -> f64 {
        1e-8
    }
}

/// LARS, as in the SimCLR code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LarsConfig {
    /// Peak learning rate, before `scale`.
    #[serde(deserialize_with = "range::positive")]
    pub learning_rate: f64,
    /// Momentum.
    #[serde(default = "LarsConfig::default_momentum", deserialize_with = "range::below_one")]
    pub momentum: f64,
    /// Weight decay of the parameters selected by `decay`.
    #[serde(default = "LarsConfig::default_weight_decay", deserialize_with = "range::non_negative")]
    pub weight_decay: f64,
    /// Trust coefficient.
    #[serde(default = "LarsConfig::default_trust", deserialize_with = "range::positive")]
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
    fn default_momentum() -> f64 {
        0.9
    }
    fn default_weight_decay() -> f64 {
        1e-6
    }
    fn default_trust() -> f64 {
        1e-3
    }
}

/// The learning rate over the course of training, relative to the peak of the optimizer; updated every step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleConfig {
    /// The peak, after the warm-up.
    Constant(ConstantConfig),
    /// Cosine decay from the peak to 0, after the warm-up.
    Cosine(CosineConfig),
    /// Step decay: multiplied by `factor` at each of `milestones`, after the warm-up.
    Step(StepConfig),
}

impl ScheduleConfig {
    /// Returns the length of the warm-up in epochs.
    pub fn warmup_epochs(&self) -> f64 {
        match self {
            Self::Constant(constant) => constant.warmup_epochs,
            Self::Cosine(cosine) => cosine.warmup_epochs,
            Self::Step(step) => step.warmup_epochs,
        }
    }
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self::Cosine(CosineConfig { warmup_epochs: 0.0, steps: None })
    }
}

/// A constant learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantConfig {
    /// Length of the linear warm-up from 0, in epochs.
    #[serde(default, deserialize_with = "range::non_negative")]
    pub warmup_epochs: f64,
}

/// A cosine schedule (Loshchilov and Hutter 2016, without restarts).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CosineConfig {
    /// Length of the linear warm-up from 0, in epochs.
    #[serde(default, deserialize_with = "range::non_negative")]
    pub warmup_epochs: f64,
    /// Step at which the learning rate reaches 0. Default: the end of the run; the W&B report uses 1000.
    #[serde(default)]
    pub steps: Option<u64>,
}

/// Step decay, as PyTorch's `MultiStepLR`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// Length of the linear warm-up from 0, in epochs.
    #[serde(default, deserialize_with = "range::non_negative")]
    pub warmup_epochs: f64,
    /// Epochs at which the learning rate is multiplied by `factor`.
    pub milestones: Vec<f64>,
    /// Factor on the learning rate at each milestone.
    #[serde(default = "StepConfig::default_factor", deserialize_with = "range::fraction")]
    pub factor: f64,
}

impl StepConfig {
    fn default_factor() -> f64 {
        0.1
    }
}

fn betas<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    let betas = <[f64; 2]>::deserialize(deserializer)?;
    if betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
        return Ok(betas);
    }
    Err(serde::de::Error::custom(format!("must be two numbers of at least 0 and below 1, got {betas:?}")))
}
