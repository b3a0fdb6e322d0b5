//! Optimizers on the CPU.

use crate::base::Result;
use crate::nn::Trainable;
use crate::optim::multi_tensor;
use crate::optim::{Optimize, Update};
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
        update.rule.rule().step(update.step, parameters, state);
        Ok(())
    }
}
