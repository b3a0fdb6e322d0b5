//! The optimizer of a pipeline file.

use crate::base::kinds::{declare_enum, declare_examples, match_member};
use crate::optim::*;

optimizers! { declare_enum
    /// The optimizer.
    #[schemars(extend("x-elsewhere" = serde_json::json!({
        "lbfgs": "`lbfgs` trains linear classifiers only, in `[linear_eval.NAME]`"
    })))]
    pub enum OptimizerConfig;
}

optimizers! { declare_examples OptimizerConfig }

impl OptimizerConfig {
    /// Returns the optimizer as an update rule.
    pub fn rule(&self) -> &dyn UpdateRule {
        optimizers!(match_member OptimizerConfig, self, config => config)
    }

    fn rule_mut(&mut self) -> &mut dyn UpdateRule {
        optimizers!(match_member OptimizerConfig, self, config => config)
    }

    /// Returns the peak learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.rule().options().learning_rate
    }

    /// Returns the number of state vectors per parameter.
    pub fn state_vectors(&self) -> usize {
        self.rule().state_vectors()
    }

    /// Returns the optimizer with its learning rate scaled for a batch size; equal to one configured with that rate.
    #[must_use]
    pub fn for_batch_size(&self, batch_size: usize) -> Self {
        let options = self.rule().options();
        let mut optimizer = self.clone();
        optimizer.rule_mut().set_learning_rate(options.learning_rate * options.scale.factor(batch_size));
        optimizer
    }
}
