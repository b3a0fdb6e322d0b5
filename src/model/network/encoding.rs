//! Features of images without a tape, batch by batch.

use crate::base::Result;
use crate::model::layers::{ForwardPass, NormStatistics};
use crate::model::network::Network;
use crate::model::network::inference::BatchStatistics;
use crate::model::network::training::single;
use crate::nn::{Backend, BufferPool};

/// Images to encode.
#[derive(Debug)]
pub struct EncoderInput<B> {
    /// `[rows, side, side, 3]`.
    pub images: Vec<f32>,
    /// Number of images.
    pub rows: usize,
    /// What the caller knows the images by.
    pub of: B,
}

/// Images on the device that are encoded together.
struct Chunk<M, B> {
    images: M,
    rows: usize,
    /// Present in the last chunk of an input.
    of: Option<B>,
}

impl<D: Backend> Network<D> {
    /// Computes the features, `[rows, features]`, of `[rows, side, side, 3]` images, without a tape.
    ///
    /// # Errors
    /// The number of values is wrong, or the device is out of memory.
    pub fn encode(&self, images: &[f32], rows: usize, statistics: BatchStatistics) -> Result<Vec<f32>> {
        let mut encoded = Vec::new();
        let input = EncoderInput { images: images.to_vec(), rows, of: () };
        self.encode_each(std::iter::once(Ok(input)), statistics, |(), features| {
            encoded = features;
            Ok(())
        })?;
        Ok(encoded)
    }

    /// Computes the features of one input after the other and passes each to `done`, with what the images are of. While
    /// the device computes, the next images are uploaded.
    ///
    /// # Errors
    /// An input or `done` fails, the number of values is wrong, or the device is out of memory.
    pub fn encode_each<B>(
        &self,
        inputs: impl IntoIterator<Item = Result<EncoderInput<B>>>,
        statistics: BatchStatistics,
        mut done: impl FnMut(B, Vec<f32>) -> Result<()>,
    ) -> Result<()> {
        let mut uploads = Uploads { network: self, statistics, inputs: inputs.into_iter(), current: None };
        let mut buffers = BufferPool::new(&self.device, self.precision);
        let (mut features, mut next) = (Vec::new(), uploads.next()?);
        while let Some(Chunk { images, rows, of }) = next {
            let encoded = self.encode_map(images, rows, statistics, &mut buffers)?;
            next = uploads.next()?;
            features.extend(self.device.download(&encoded)?);
            buffers.release(encoded);
            if let Some(of) = of {
                done(of, std::mem::take(&mut features))?;
            }
        }
        Ok(())
    }

    /// Queues the computation of the features of uploaded images.
    fn encode_map(
        &self,
        images: D::Map,
        rows: usize,
        statistics: BatchStatistics,
        buffers: &mut BufferPool<D>,
    ) -> Result<D::Buffer> {
        let statistics = match statistics {
            BatchStatistics::Running => NormStatistics::Running(&self.statistics),
            BatchStatistics::Batch => NormStatistics::Batch,
        };
        let (device, parameters) = (&self.device, &self.parameters);
        let (rows, shards) = (&[rows], None);
        let mut pass = ForwardPass { device, parameters, statistics, buffers, rows, saved: None, groups: 1, shards };
        single(self.encoder.forward(&mut pass, vec![images])?)
    }
}

/// Uploads inputs in chunks of as many images as are encoded together.
struct Uploads<'a, D: Backend, I, B> {
    network: &'a Network<D>,
    statistics: BatchStatistics,
    inputs: I,
    /// An input, and the number of its images that have been uploaded.
    current: Option<(EncoderInput<B>, usize)>,
}

impl<D: Backend, B, I: Iterator<Item = Result<EncoderInput<B>>>> Uploads<'_, D, I, B> {
    fn next(&mut self) -> Result<Option<Chunk<D::Map, B>>> {
        let (input, uploaded) = match self.current.take() {
            Some(current) => current,
            None => match self.inputs.next().transpose()? {
                Some(input) => (input, 0),
                None => return Ok(None),
            },
        };
        let network = self.network;
        network.check_images(input.images.len(), input.rows)?;
        let left = input.rows - uploaded;
        let rows = match self.statistics {
            BatchStatistics::Running => left.min(network.inference_rows()),
            BatchStatistics::Batch => left,
        };
        let upload = |images| network.device.upload_images(images, network.precision);
        if rows == input.rows {
            return Ok(Some(Chunk { images: upload(input.images)?, rows, of: Some(input.of) }));
        }
        let length = network.image_len();
        let images = upload(input.images[uploaded * length..(uploaded + rows) * length].to_vec())?;
        if rows == left {
            return Ok(Some(Chunk { images, rows, of: Some(input.of) }));
        }
        self.current = Some((input, uploaded + rows));
        Ok(Some(Chunk { images, rows, of: None }))
    }
}
