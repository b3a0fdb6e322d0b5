//! Optimizers on the CPU.

use crate::base::Result;
use crate::nn::Trainable;
use crate::optim::adam::{self, WeightDecay};
use crate::optim::optimize::{Optimize, Update};
use crate::optim::{OptimizerConfig, lars, multi_tensor, sgd};
use dfdx::prelude::Cpu;

impl Optimize for Cpu {
    fn gradient_norm(&self, parameters: &[Trainable<'_, Vec<f32>>]) -> Result<f64> {
        Ok(parameters.iter().map(|parameter| multi_tensor::square_sum(parameter.gradient)).sum::<f64>().sqrt())
    }

    fn scale_gradients(&self, parameters: &mut [Trainable<'_, Vec<f32>>], factor: f32) -> Result<()> {
        multi_tensor::update(parameters, &mut [], |chunk| chunk.gradient.iter_mut().for_each(|g| *g *= factor));
        Ok(())
    }

    fn update(
        &self,
        update: &Update<'_>,
        parameters: &mut [Trainable<'_, Vec<f32>>],
        state: &mut [Vec<f32>],
    ) -> Result<()> {
        let (rate, number) = (update.learning_rate, update.number);
        match update.rule {
            OptimizerConfig::Sgd(config) => sgd::step(config, parameters, state, rate),
            OptimizerConfig::Lars(config) => lars::step(config, parameters, state, rate),
            OptimizerConfig::Adam(config) => adam::step(config, WeightDecay::Coupled, parameters, state, rate, number),
            OptimizerConfig::Adamw(config) => {
                adam::step(config, WeightDecay::Decoupled, parameters, state, rate, number)
            }
        }
        Ok(())
    }
}
