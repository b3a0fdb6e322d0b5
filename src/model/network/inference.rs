//! Head outputs without a tape.

use crate::base::{Error, Result};
use crate::model::head::NormMode;
use crate::model::network::Network;
use crate::nn::Backend;

/// Statistics that batch norm uses in inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatistics {
    /// The running statistics of training.
    Running,
    /// Those of the images that are encoded together.
    Batch,
}

impl<D: Backend> Network<D> {
    /// Returns the number of images that are encoded together where their number does not affect the features.
    pub fn inference_rows(&self) -> usize {
        self.device.inference_rows(self.encoder.side)
    }

    /// Computes the output of each layer of the head, after batch norm if any and after ReLU for all but the last, from
    /// features `[rows, features]`. `statistics` are those that the head's batch norm uses.
    ///
    /// # Errors
    /// The number of values is wrong, or the device is out of memory.
    pub fn project(&self, features: &[f32], rows: usize, statistics: BatchStatistics) -> Result<Vec<Vec<f32>>> {
        if features.len() != rows * self.encoder.features() {
            return Err(Error::bug(format!("{rows} rows of features cannot have {} values", features.len())));
        }
        if rows == 0 {
            return Ok(vec![Vec::new(); self.head.widths().count()]);
        }
        let features = self.device.upload(features.to_vec())?;
        let features = self.device.to_tensor(&features, (rows, self.encoder.features()))?;
        let head = self.head.values(&self.parameters, &self.device)?;
        let epsilon = self.encoder.norm.epsilon;
        match statistics {
            BatchStatistics::Batch => head.outputs(features, &NormMode::Batch { groups: 1, epsilon }),
            BatchStatistics::Running => {
                head.outputs(features, &NormMode::Running { statistics: &self.statistics, epsilon })
            }
        }
    }
}
