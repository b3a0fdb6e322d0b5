//! Features and head outputs without a tape.

use crate::base::{Error, Result};
use crate::model::head::NormMode;
use crate::model::layers::{ForwardPass, NormStatistics};
use crate::model::network::Network;
use crate::nn::{Backend, BufferPool};

/// Batch size of inference.
const INFERENCE_ROWS: usize = 64;

/// Statistics that batch norm uses in inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatistics {
    /// The running statistics of training.
    Running,
    /// Those of the images that are encoded together.
    Batch,
}

impl<D: Backend> Network<D> {
    /// Computes the features, `[rows, features]`, of `[rows, side, side, 3]` images, without a tape.
    ///
    /// # Errors
    /// The number of values is wrong, or the device is out of memory.
    pub fn encode(&self, images: &[f32], rows: usize, statistics: BatchStatistics) -> Result<Vec<f32>> {
        self.check_images(images.len(), rows)?;
        let batch_size = match statistics {
            BatchStatistics::Running => INFERENCE_ROWS,
            BatchStatistics::Batch => rows,
        };
        let mut buffers = BufferPool::new(&self.device, self.precision);
        let mut features = Vec::with_capacity(rows * self.encoder.features());
        for images in images.chunks(batch_size * self.image_len()) {
            let mut pass = ForwardPass {
                device: &self.device,
                parameters: &self.parameters,
                statistics: match statistics {
                    BatchStatistics::Running => NormStatistics::Running(&self.statistics),
                    BatchStatistics::Batch => NormStatistics::Batch,
                },
                buffers: &mut buffers,
                rows: images.len() / self.image_len(),
                saved: None,
                groups: 1,
            };
            let images = self.device.upload_map(images.to_vec(), self.precision)?;
            let encoded = self.encoder.forward(&mut pass, images)?;
            features.extend(self.device.download(&encoded)?);
            buffers.release(encoded);
        }
        Ok(features)
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
