//! The optimizer of a linear classifier: those of networks, and L-BFGS.

use crate::optim::OptimizerConfig;
use crate::optim::config::{AdamConfig, LarsConfig, SgdConfig};
use crate::train::logistic::LbfgsConfig;
use schemars::JsonSchema;
use serde::Deserialize;

/// The optimizer of a linear classifier.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinearOptimizerConfig {
    /// L-BFGS: the exact minimum of multinomial logistic regression with an L2 penalty; has no epochs.
    Lbfgs(LbfgsConfig),
    /// Stochastic gradient descent, with optional momentum.
    Sgd(SgdConfig),
    /// Adam (Kingma and Ba 2014) with L2 regularization: weight decay is added to the gradient.
    Adam(AdamConfig),
    /// AdamW (Loshchilov and Hutter 2017): decoupled weight decay.
    Adamw(AdamConfig),
    /// LARS (You et al. 2017); by default biases get neither layer-wise adaptation nor weight decay.
    Lars(LarsConfig),
}

impl LinearOptimizerConfig {
    /// Returns the optimizer of minibatch training as `Ok`, or the settings of the exact solution as `Err`.
    pub(super) fn split(self) -> Result<OptimizerConfig, LbfgsConfig> {
        match self {
            Self::Lbfgs(config) => Err(config),
            Self::Sgd(config) => Ok(OptimizerConfig::Sgd(config)),
            Self::Adam(config) => Ok(OptimizerConfig::Adam(config)),
            Self::Adamw(config) => Ok(OptimizerConfig::Adamw(config)),
            Self::Lars(config) => Ok(OptimizerConfig::Lars(config)),
        }
    }
}
