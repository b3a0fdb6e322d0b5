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
    fn forward<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, input: &D::Map) -> Result<D::Map> {
        let mut output = pass.buffers.acquire_map(pass.rows * self.shape.output_len())?;
        pass.device.max_pool(&self.shape, input, &mut output)?;
        Ok(output)
    }

    fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        input: &D::Map,
        output: D::Map,
        gradient: D::Map,
    ) -> Result<D::Map> {
        let mut below = pass.buffers.acquire_map(pass.device.map_length(input))?;
        pass.device.max_pool_gradient(&self.shape, input, &output, &gradient, &mut below)?;
        pass.buffers.release_map(gradient);
        pass.buffers.release_map(output);
        Ok(below)
    }
}
