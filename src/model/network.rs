//! An encoder and its head, trained through dfdx's tape.

use crate::base::{Error, Result};
use crate::model::ProjectionConfig;
use crate::model::architecture::{Architecture, IMAGE_CHANNELS};
use crate::model::config::{BatchNorm, EncoderConfig};
use crate::model::encoder::{Encoder, EncoderActivations};
use crate::model::head::{Head, dfdx_error};
use crate::model::head_norm::NormMode;
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::model::unit::{ForwardContext, NormStatistics};
use crate::nn::{Backend, BufferPool, Precision, Taped, TapedScalar, Trainable, item};
use dfdx::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

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

/// Where the backward operation of the encoder leaves the gradient of the features.
type FeatureGradient<B> = Arc<Mutex<Option<Result<B>>>>;

/// An encoder f and a head g (a projection or a classifier) on a device.
///
/// One training step is [`Network::forward`], a loss on its output, [`Network::backward`], an optimizer step over
/// [`Network::trainables`], and [`Network::parameters_changed`].
#[derive(Debug)]
pub struct Network<D: Backend> {
    device: D,
    architecture: Architecture,
    head_config: ProjectionConfig,
    widths: Vec<usize>,
    side: usize,
    encoder: Encoder,
    pub(super) parameters: Parameters<D>,
    pub(super) statistics: Vec<RunningStatistics<D>>,
    /// Copies of the head's parameters; `None` while they are out of date.
    head: Option<Head<D>>,
    precision: Precision,
    /// Images over which batch norm computes its statistics in training.
    batch_norm: BatchNorm,
    buffers: BufferPool<D>,
    /// The last forward pass, until its backward pass.
    pending: Option<(EncoderActivations<D>, FeatureGradient<D::Buffer>)>,
}

impl<D: Backend> Network<D> {
    /// Creates a network with randomly initialized weights; those of the encoder depend on the seed alone, not on the
    /// head.
    ///
    /// `head` lists the sizes of its linear layers, with ReLU between them and none after the last, and optionally
    /// batch norm; `side` is the width and height of the images in pixels.
    ///
    /// # Errors
    /// The images are too small for the encoder, a layer of the head has 0 outputs, or the device is out of memory.
    pub fn new(
        encoder: &EncoderConfig,
        head: impl Into<ProjectionConfig>,
        side: usize,
        seed: u64,
        device: &D,
    ) -> Result<Self> {
        let head = head.into();
        check_head(&head.layers)?;
        let architecture = Architecture::new(encoder, side)?;
        Ok(Self {
            device: device.clone(),
            widths: std::iter::once(architecture.features).chain(head.layers.iter().copied()).collect(),
            side,
            encoder: Encoder::new(&architecture),
            parameters: Parameters::new(&architecture, &head, seed, device)?,
            statistics: RunningStatistics::initial(&architecture, &head, device)?,
            head_config: head,
            head: None,
            precision: Precision::default(),
            batch_norm: BatchNorm::default(),
            buffers: BufferPool::new(device, Precision::default()),
            pending: None,
            architecture,
        })
    }

    /// Returns the same network with the encoder computing in this precision; the default is f32.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, buffers: BufferPool::new(&self.device, precision), ..self }
    }

    /// Returns the same network with batch norm's statistics in training over these images; the default is joint.
    #[must_use]
    pub fn with_batch_norm(self, batch_norm: BatchNorm) -> Self {
        Self { batch_norm, ..self }
    }

    /// Returns the number of features by depth: of the encoder, then of each layer of the head.
    pub fn widths(&self) -> Vec<usize> {
        self.widths.clone()
    }

    /// Computes the head's output, `[rows, last width]`, of `[rows, side, side, 3]` images in training mode, on the
    /// tape. Batch norm uses the batch's statistics and updates the running ones; with [`BatchNorm::PerView`] the first
    /// half of the rows is one view.
    ///
    /// # Errors
    /// There are no images, the number of values is wrong, the views differ in number, or the device is out of memory.
    pub fn forward(&mut self, images: Vec<f32>, rows: usize) -> Result<Taped<D>> {
        let images = self.upload(images, rows)?;
        self.forward_uploaded(images, rows)
    }

    /// Uploads `[rows, side, side, 3]` images to the device; the copy may still be running when this returns.
    ///
    /// # Errors
    /// There are no images, the number of values is wrong, or the device is out of memory.
    pub fn upload(&self, images: Vec<f32>, rows: usize) -> Result<D::Map> {
        self.check_images(images.len(), rows)?;
        self.device.upload_map(images, self.precision)
    }

    /// Runs [`Network::forward`] on images from [`Network::upload`].
    ///
    /// # Errors
    /// The number of rows does not split into views, or the device is out of memory.
    pub fn forward_uploaded(&mut self, images: D::Map, rows: usize) -> Result<Taped<D>> {
        if let Some((saved, _)) = self.pending.take() {
            saved.release(&mut self.buffers);
        }
        let groups = self.batch_norm.groups();
        if !rows.is_multiple_of(groups) {
            return Err(Error::bug(format!("{rows} images do not split into two views")));
        }
        let mut context = ForwardContext {
            device: &self.device,
            parameters: &self.parameters,
            statistics: NormStatistics::Training(&mut self.statistics),
            buffers: &mut self.buffers,
            rows,
            groups,
            epsilon: self.architecture.epsilon,
            momentum: self.architecture.momentum,
        };
        let (saved, features) = self.encoder.forward(&mut context, images)?;
        let tensor = self.device.to_tensor(&features, (rows, self.architecture.features))?;
        self.buffers.release(features);
        let (tensor, feature_gradient) = self.put_on_tape(tensor);
        self.pending = Some((saved, feature_gradient));
        self.head_forward(tensor, groups)
    }

    /// Runs the head in training mode; its running statistics come after those of the encoder.
    fn head_forward(&mut self, features: Taped<D>, groups: usize) -> Result<Taped<D>> {
        let Architecture { epsilon, momentum, .. } = self.architecture;
        let mut moments = Vec::new();
        let output = self.head()?.forward(features, &NormMode::Batch { groups, epsilon }, &mut moments)?;
        let first = self.statistics.len() - moments.len();
        for (moments, running) in moments.iter().zip(&mut self.statistics[first..]) {
            moments.update_running(running, momentum, &self.device)?;
        }
        Ok(output)
    }

    /// Puts the features on a new tape, whose backward operation leaves their gradient for [`Network::backward`] to
    /// continue through the encoder.
    fn put_on_tape(&self, features: Tensor<(usize, usize), f32, D>) -> (Taped<D>, FeatureGradient<D::Buffer>) {
        let feature_gradient: FeatureGradient<D::Buffer> = Arc::default();
        let (ghost, device, to) = (features.ghost(), self.device.clone(), feature_gradient.clone());
        let length = features.shape().num_elements();
        let mut tape = OwnedTape::default();
        tape.add_backward_op(move |gradients| {
            let gradient = gradients.get_or_alloc_mut(&ghost)?;
            let copied = device.allocate(length).and_then(|mut buffer| {
                device.read_gradient(gradient, &mut buffer)?;
                Ok(buffer)
            });
            *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(copied);
            Ok(())
        });
        (features.put_tape(tape), feature_gradient)
    }

    /// Writes the gradient of every parameter and returns the loss.
    ///
    /// # Errors
    /// The loss was not computed from the last [`Network::forward`], or the device is out of memory.
    pub fn backward(&mut self, loss: TapedScalar<D>) -> Result<f32> {
        self.queue_backward(loss).map(|loss| item(&loss))
    }

    /// Runs [`Network::backward`] without reading the loss, which on an asynchronous device would wait for all queued
    /// work.
    ///
    /// # Errors
    /// As for [`Network::backward`].
    pub fn queue_backward(&mut self, loss: TapedScalar<D>) -> Result<Tensor<(), f32, D>> {
        let (saved, feature_gradient) =
            self.pending.take().ok_or_else(|| Error::bug("backward without a forward pass"))?;
        let (loss, tape) = loss.split_tape();
        let mut gradients = loss.clone().put_tape(tape).try_backward().map_err(dfdx_error)?;
        let features = feature_gradient.lock().unwrap_or_else(PoisonError::into_inner).take();
        let features =
            features.ok_or_else(|| Error::bug("the loss does not depend on the network's last output"))??;
        if let Some(head) = &self.head {
            head.read_gradients(&self.device, &mut gradients, &mut self.parameters)?;
        }
        self.encoder.backward(&self.device, &mut self.parameters, &mut self.buffers, saved, &features)?;
        Ok(loss)
    }

    /// Returns every parameter with its gradient, in a fixed order.
    pub fn trainables(&mut self) -> Vec<Trainable<'_, D::Buffer>> {
        let Parameters { specs, values, gradients } = &mut self.parameters;
        let pairs = values.iter_mut().zip(gradients);
        pairs.zip(specs).map(|((values, gradient), spec)| Trainable { values, gradient, role: spec.role }).collect()
    }

    /// Discards the copies of parameters; call it after writing parameters.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn parameters_changed(&mut self) -> Result<()> {
        self.head = None;
        Ok(())
    }

    /// Returns the device of the network.
    pub fn device(&self) -> &D {
        &self.device
    }

    fn head(&mut self) -> Result<&Head<D>> {
        let head = match self.head.take() {
            Some(head) => head,
            None => self.copy_head()?,
        };
        Ok(self.head.insert(head))
    }

    fn copy_head(&self) -> Result<Head<D>> {
        Head::from_parameters(&self.head_config, self.architecture.features, &self.parameters, &self.device)
    }

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
        let mut features = Vec::with_capacity(rows * self.architecture.features);
        for images in images.chunks(batch_size * self.image_len()) {
            let mut context = ForwardContext {
                device: &self.device,
                parameters: &self.parameters,
                statistics: match statistics {
                    BatchStatistics::Running => NormStatistics::Running(&self.statistics),
                    BatchStatistics::Batch => NormStatistics::Batch,
                },
                buffers: &mut buffers,
                rows: images.len() / self.image_len(),
                groups: 1,
                epsilon: self.architecture.epsilon,
                momentum: self.architecture.momentum,
            };
            let images = self.device.upload_map(images.to_vec(), self.precision)?;
            let encoded = self.encoder.infer(&mut context, images)?;
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
        if features.len() != rows * self.architecture.features {
            return Err(Error::bug(format!("{rows} rows of features cannot have {} values", features.len())));
        }
        if rows == 0 {
            return Ok(vec![Vec::new(); self.widths.len() - 1]);
        }
        let features = self.device.upload(features.to_vec())?;
        let features = self.device.to_tensor(&features, (rows, self.architecture.features))?;
        let head = self.copy_head()?;
        let epsilon = self.architecture.epsilon;
        match statistics {
            BatchStatistics::Batch => head.outputs(features, &NormMode::Batch { groups: 1, epsilon }),
            BatchStatistics::Running => {
                let statistics = &self.statistics[self.architecture.units().count()..];
                head.outputs(features, &NormMode::Running { statistics, epsilon })
            }
        }
    }

    fn image_len(&self) -> usize {
        self.side * self.side * IMAGE_CHANNELS
    }

    fn check_images(&self, length: usize, rows: usize) -> Result<()> {
        if rows > 0 && length == rows * self.image_len() {
            return Ok(());
        }
        let side = self.side;
        Err(Error::bug(format!("{rows} images of {side}x{side} pixels cannot have {length} values")))
    }
}

/// Checks that every layer has at least one output.
pub(super) fn check_head(head: &[usize]) -> Result<()> {
    match head.contains(&0) {
        true => Err(Error::usage("a layer of the head has 0 outputs").help("give every layer at least one output")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::model::HeadNorm;
    use crate::model::config::{ResnetConfig, TinyConfig};

    const SIDE: usize = 16;
    const ROWS: usize = 12;

    fn tiny(head: &[usize], seed: u64) -> Network<Cpu> {
        let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
        Network::new(&encoder, head, SIDE, seed, &Cpu::default()).unwrap()
    }

    fn images() -> Vec<f32> {
        let mut rng = rng::stream(1, "test", &[]);
        (0..ROWS * SIDE * SIDE * IMAGE_CHANNELS).map(|_| rng::unit(&mut rng)).collect()
    }

    fn step(network: &mut Network<Cpu>, rate: f32) -> f32 {
        let output = network.forward(images(), ROWS).unwrap();
        let loss = network.backward(output.square().mean()).unwrap();
        for trainable in network.trainables() {
            for (value, gradient) in trainable.values.iter_mut().zip(trainable.gradient) {
                *value -= rate * *gradient;
            }
        }
        network.parameters_changed().unwrap();
        loss
    }

    #[test]
    fn the_buffer_pool_does_not_grow_from_step_to_step() {
        let pooled = EncoderConfig::Resnet18(ResnetConfig { width: 0.125, ..ResnetConfig::default() });
        let pooled = Network::new(&pooled, &[8], SIDE, 1, &Cpu::default()).unwrap();
        for mut network in [tiny(&[8], 1), pooled, tiny(&[8], 1).in_precision(Precision::Bf16)] {
            step(&mut network, 0.1);
            let count = network.buffers.count();
            for _ in 0..4 {
                step(&mut network, 0.1);
            }
            assert_eq!(network.buffers.count(), count);
            // Nor after forward passes without a backward pass.
            (0..4).for_each(|_| drop(network.forward(images(), ROWS).unwrap()));
            step(&mut network, 0.1);
            assert_eq!(network.buffers.count(), count);
        }
    }

    #[test]
    fn training_lowers_the_loss() {
        for (head, precision) in [(&[][..], Precision::F32), (&[8], Precision::F32), (&[16, 8], Precision::Bf16)] {
            let mut network = tiny(head, 1).in_precision(precision);
            let first = step(&mut network, 0.1);
            let last = (0..20).map(|_| step(&mut network, 0.1)).last().unwrap();
            assert!(last < 0.8 * first, "{first} -> {last} with head {head:?} in {precision:?}");
        }
    }

    #[test]
    fn encoder_weights_depend_on_the_seed_alone() {
        let first = tiny(&[16, 8], 5).state_dict().unwrap();
        let other = tiny(&[], 5).state_dict().unwrap();
        assert!(other.iter().all(|tensor| first.contains(tensor)));
        assert_ne!(tiny(&[], 6).state_dict().unwrap(), other);
    }

    #[test]
    fn a_state_dict_transfers_to_another_network() {
        let mut from = tiny(&[8], 1);
        step(&mut from, 0.1);
        let mut to = tiny(&[8], 2);
        to.load_state_dict(&from.state_dict().unwrap()).unwrap();
        assert_eq!(to.state_dict().unwrap(), from.state_dict().unwrap());
        let features = |network: &Network<Cpu>, statistics| network.encode(&images(), ROWS, statistics).unwrap();
        for statistics in [BatchStatistics::Running, BatchStatistics::Batch] {
            assert_eq!(features(&to, statistics), features(&from, statistics));
        }
        let mut tuned = tiny(&[8], 3);
        tuned.load_encoder(&from.state_dict().unwrap()).unwrap();
        assert_eq!(features(&tuned, BatchStatistics::Running), features(&from, BatchStatistics::Running));
        assert_ne!(tuned.state_dict().unwrap(), from.state_dict().unwrap());
        let mut state = from.state_dict().unwrap();
        state.retain(|tensor| tensor.name != "layer2.0.bn1.running_var");
        let error = to.load_state_dict(&state).unwrap_err();
        assert!(error.to_string().contains("layer2.0.bn1.running_var"), "{error}");
        let error = tiny(&[9], 1).load_state_dict(&from.state_dict().unwrap()).unwrap_err();
        assert!(error.to_string().contains("head.0.weight"), "{error}");
    }

    #[test]
    fn inference_with_batch_statistics_matches_the_training_forward() {
        let mut network = tiny(&[16, 8], 1);
        let features = network.encode(&images(), ROWS, BatchStatistics::Batch).unwrap();
        let outputs = network.project(&features, ROWS, BatchStatistics::Batch).unwrap();
        assert_eq!(network.widths(), [32, 16, 8]);
        assert_eq!(outputs.iter().map(Vec::len).collect::<Vec<_>>(), [ROWS * 16, ROWS * 8]);
        assert!(outputs[0].iter().all(|output| *output >= 0.0) && outputs[1].iter().any(|output| *output < 0.0));
        assert_eq!(network.forward(images(), ROWS).unwrap().as_vec(), outputs[1]);
    }

    /// Returns a network with batch norm after every layer of the head.
    fn normed(seed: u64) -> Network<Cpu> {
        let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
        let head = ProjectionConfig { layers: vec![16, 8], batch_norm: HeadNorm::All };
        Network::new(&encoder, &head, SIDE, seed, &Cpu::default()).unwrap()
    }

    #[test]
    fn batch_norm_of_the_head_is_saved_and_does_not_change_the_encoder() {
        let mut from = normed(1);
        step(&mut from, 0.1);
        let state = from.state_dict().unwrap();
        let names: Vec<&str> =
            state.iter().map(|tensor| tensor.name.as_str()).filter(|n| n.starts_with("head")).collect();
        let parameters =
            ["head.0.weight", "head.0.norm.weight", "head.0.norm.bias", "head.1.weight", "head.1.norm.weight"];
        assert_eq!(names[..5], parameters);
        let running = [
            "head.0.norm.running_mean",
            "head.0.norm.running_var",
            "head.1.norm.running_mean",
            "head.1.norm.running_var",
        ];
        assert_eq!(names[5..], running);
        let mut to = normed(2);
        to.load_state_dict(&state).unwrap();
        assert_eq!(to.state_dict().unwrap(), state);
        // A network without batch norm in its head loads the encoder of one with it, and vice versa.
        tiny(&[4], 3).load_encoder(&state).unwrap();
        normed(3).load_encoder(&tiny(&[4], 1).state_dict().unwrap()).unwrap();
    }

    #[test]
    fn batch_norm_of_the_head_with_batch_statistics_matches_the_training_forward() {
        let mut network = normed(1);
        let features = network.encode(&images(), ROWS, BatchStatistics::Batch).unwrap();
        let outputs = network.project(&features, ROWS, BatchStatistics::Batch).unwrap();
        assert_ne!(outputs, network.project(&features, ROWS, BatchStatistics::Running).unwrap());
        assert_eq!(network.forward(images(), ROWS).unwrap().as_vec(), outputs[1]);
    }

    #[test]
    fn per_view_batch_norm_equals_two_calls_of_the_model() {
        let half = ROWS / 2 * SIDE * SIDE * IMAGE_CHANNELS;
        let mut two_calls = normed(1);
        let calls: Vec<f32> = images()
            .chunks(half)
            .flat_map(|view| two_calls.forward(view.to_vec(), ROWS / 2).unwrap().as_vec())
            .collect();
        let mut one_call = normed(1).with_batch_norm(BatchNorm::PerView);
        let output = one_call.forward(images(), ROWS).unwrap().as_vec();
        for (ours, theirs) in output.iter().zip(&calls) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
        for (ours, theirs) in one_call.state_dict().unwrap().iter().zip(two_calls.state_dict().unwrap()) {
            for (ours, theirs) in ours.values.iter().zip(&theirs.values) {
                assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
            }
        }
        assert!(one_call.forward(images()[half / (ROWS / 2)..].to_vec(), ROWS - 1).is_err());
    }

    /// The tensors that torchvision's `zero_init_residual` sets to 0.
    #[test]
    fn zero_init_residual_zeroes_the_last_scale_of_each_block() {
        let zeros = |encoder: EncoderConfig| {
            let state = Network::new(&encoder, &[], 32, 1, &Cpu::default()).unwrap().state_dict().unwrap();
            let weights = state.into_iter().filter(|tensor| tensor.name.ends_with("weight"));
            let zero = weights.filter(|tensor| tensor.values.iter().all(|value| *value == 0.0));
            zero.map(|tensor| tensor.name).collect::<Vec<_>>()
        };
        let config = ResnetConfig { width: 0.125, zero_init_residual: true, ..ResnetConfig::default() };
        let blocks = |counts: [usize; 4], norm: &str| -> Vec<String> {
            let stages = counts.into_iter().enumerate();
            stages.flat_map(|(i, n)| (0..n).map(move |j| format!("layer{}.{j}.{norm}.weight", i + 1))).collect()
        };
        assert_eq!(zeros(EncoderConfig::Resnet18(config.clone())), blocks([2, 2, 2, 2], "bn2"));
        assert_eq!(zeros(EncoderConfig::Resnet50(config)), blocks([3, 4, 6, 3], "bn3"));
        assert!(zeros(EncoderConfig::Tiny(TinyConfig::default())).is_empty());
    }

    #[test]
    fn misuse_is_an_error() {
        let mut network = tiny(&[8], 1);
        assert!(network.forward(images(), ROWS + 1).is_err());
        assert!(network.forward(Vec::new(), 0).is_err());
        assert!(network.encode(&[], 0, BatchStatistics::Running).is_err());
        let first = network.forward(images(), ROWS).unwrap();
        let second = network.forward(images(), ROWS).unwrap();
        assert!(network.backward(first.square().mean()).is_err());
        assert!(network.backward(second.square().mean()).is_err());
    }

    /// Every bit after three steps, with 1, 2 and 3 threads.
    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let state = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut network = tiny(&[16, 8], 1);
                let losses: Vec<f32> = (0..3).map(|_| step(&mut network, 0.1)).collect();
                (
                    losses,
                    network.encode(&images(), ROWS, BatchStatistics::Running).unwrap(),
                    network.state_dict().unwrap(),
                )
            })
        };
        let one = state(1);
        assert_eq!(one, state(2));
        assert_eq!(one, state(3));
    }
}
