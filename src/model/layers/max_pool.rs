//! Max-pooling.

use crate::base::Result;
use crate::model::layers::{BackwardPass, ForwardPass, MapLayer};
use crate::model::registry::{Registry, square};
use crate::nn::{Backend, MaxPool};

/// Max-pooling; it has no parameters.
#[derive(Clone, Debug)]
pub(in crate::model) struct MaxPoolLayer {
    pub(in crate::model) shape: MaxPool,
}

impl MaxPoolLayer {
    /// Creates the layer and registers its row of the summary.
    ///
    /// # Errors
    /// The map is smaller than the window.
    pub(super) fn new(name: &str, shape: MaxPool, registry: &mut Registry) -> Result<Self> {
        shape.check()?;
        let kind = format!("max-pool {0}x{0}/{1}", shape.kernel, shape.stride);
        registry.row(name, kind, square(shape.output_side(), shape.channels), 0);
        Ok(Self { shape })
    }
}

impl MapLayer for MaxPoolLayer {
    fn forward<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, input: &[D::Map]) -> Result<Vec<D::Map>> {
        let mut output = pass.acquire_maps(self.shape.output_len())?;
        for (input, output) in input.iter().zip(&mut output) {
            pass.device.max_pool(&self.shape, input, output)?;
        }
        Ok(output)
    }

    fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        input: &[D::Map],
        output: Vec<D::Map>,
        gradient: Vec<D::Map>,
    ) -> Result<Vec<D::Map>> {
        let lengths = input.iter().map(|input| pass.device.map_length(input));
        let below = lengths.map(|length| pass.buffers.acquire_map(length));
        let mut below = below.collect::<Result<Vec<_>>>()?;
        for (((input, output), gradient), below) in input.iter().zip(&output).zip(&gradient).zip(&mut below) {
            pass.device.max_pool_gradient(&self.shape, input, output, gradient, below)?;
        }
        pass.buffers.release_maps(gradient);
        pass.buffers.release_maps(output);
        Ok(below)
    }
}
