//! The classifier of linear evaluation: one softmax layer on frozen features.

use crate::analysis::Features;
use crate::base::matmul::{Matrix, multiply};
use crate::base::{Error, Result, rng};
use crate::loss::cross_entropy;
use crate::nn::{Role, Trainable};
use crate::optim::{Optimizer, OptimizerConfig, Schedule, ScheduleConfig};
use crate::train::{EarlyStopping, EpochRecord, Stopping, logits};
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// What a classifier is trained on, and how.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxTraining<'a> {
    /// Features of the labeled images.
    pub features: Features<'a>,
    /// Their classes.
    pub labels: &'a [usize],
    /// Features of the images on which the best weights are chosen.
    pub selection_features: Features<'a>,
    /// Their classes.
    pub selection_labels: &'a [usize],
    /// Number of classes.
    pub classes: usize,
    /// Optimizer.
    pub optimizer: &'a OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: &'a ScheduleConfig,
    /// Most passes over the labeled images.
    pub epochs: usize,
    /// Images in a batch; the last one of an epoch may be smaller.
    pub batch_size: usize,
    /// When training stops early; without it all epochs are run and the last weights are kept.
    pub stopping: Option<Stopping>,
    /// Seed of the order of the images, the only random thing: the weights start from 0, since the problem is convex.
    pub seed: u64,
}

/// A trained softmax layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxClassifier {
    /// Features of an image.
    pub width: usize,
    /// Number of classes.
    pub classes: usize,
    /// `[width, classes]`
    pub weights: Vec<f32>,
    /// `[classes]`
    pub biases: Vec<f32>,
}

impl SoftmaxClassifier {
    fn zeros(width: usize, classes: usize) -> Self {
        Self { width, classes, weights: vec![0.0; width * classes], biases: vec![0.0; classes] }
    }

    /// Class scores, `[rows, classes]`.
    pub fn logits(&self, features: Features<'_>) -> Vec<f32> {
        let mut logits = vec![0.0; features.rows * self.classes];
        logits.chunks_mut(self.classes).for_each(|row| row.copy_from_slice(&self.biases));
        let features = Matrix::new(features.values, features.rows, features.width);
        multiply(features, Matrix::new(&self.weights, self.width, self.classes), true, &mut logits);
        logits
    }

    /// The class of each row; the first of equal scores.
    pub fn predict(&self, features: Features<'_>) -> Vec<usize> {
        logits::best_classes(&self.logits(features), self.classes)
    }

    /// Class probabilities, `[rows, classes]`.
    pub fn probabilities(&self, features: Features<'_>) -> Vec<f32> {
        logits::probabilities(self.logits(features), self.classes)
    }

    /// Mean cross-entropy and accuracy.
    pub fn evaluate(&self, features: Features<'_>, labels: &[usize]) -> (f64, f64) {
        let scores = self.logits(features);
        (logits::mean_cross_entropy(&scores, labels, self.classes), logits::accuracy(&scores, labels, self.classes))
    }
}

/// Trains a softmax layer by minibatches and returns it as it was after the epoch that is kept, with the record of each
/// epoch and the epoch kept, from 1 (0: no epoch was better than the start).
///
/// # Errors
/// There are no labeled images, a label is no class, or the loss stops being a finite number.
pub fn train_softmax(job: &SoftmaxTraining<'_>) -> Result<(SoftmaxClassifier, Vec<EpochRecord>, usize)> {
    check(job)?;
    let mut training = Training::new(job);
    let mut stopping = EarlyStopping::new(job.stopping);
    let mut best = training.classifier.clone();
    let mut records = Vec::new();
    while records.len() < job.epochs && !stopping.is_over() {
        let record = training.epoch(records.len() + 1)?;
        if stopping.observe(&record, training.step) {
            best.clone_from(&training.classifier);
        }
        records.push(record);
    }
    let kept = if job.stopping.is_some() { best } else { training.classifier };
    Ok((kept, records, stopping.kept_epoch()))
}

fn check(job: &SoftmaxTraining<'_>) -> Result<()> {
    if job.features.rows == 0 {
        return Err(Error::stage("there are no labeled images to train the classifier with")
            .help("set a larger `labeled_fraction`"));
    }
    for (features, labels) in [(job.features, job.labels), (job.selection_features, job.selection_labels)] {
        if features.rows != labels.len() || labels.iter().any(|&label| label >= job.classes) {
            return Err(Error::bug(format!("labels do not fit {} rows of features", features.rows)));
        }
    }
    Ok(())
}

struct Training<'a> {
    job: &'a SoftmaxTraining<'a>,
    device: Cpu,
    classifier: SoftmaxClassifier,
    optimizer: Optimizer<Cpu>,
    schedule: Schedule,
    step: u64,
}

impl<'a> Training<'a> {
    fn new(job: &'a SoftmaxTraining<'a>) -> Self {
        let optimizer = Optimizer::new(job.optimizer);
        let steps_per_epoch = job.features.rows.div_ceil(job.batch_size.max(1)) as u64;
        let schedule = Schedule::new(job.schedule, optimizer.peak_learning_rate(), steps_per_epoch, job.epochs as u64);
        let classifier = SoftmaxClassifier::zeros(job.features.width, job.classes);
        let device = Cpu::default();
        device.enable_cache();
        Self { job, device, classifier, optimizer, schedule, step: 0 }
    }

    fn epoch(&mut self, epoch: usize) -> Result<EpochRecord> {
        let order = rng::permutation(self.job.features.rows, &mut rng::stream(self.job.seed, "order", &[epoch as u64]));
        let (mut loss, mut accuracy, mut learning_rate) = (0.0, 0.0, 0.0);
        for batch in order.chunks(self.job.batch_size.max(1)) {
            learning_rate = self.schedule.learning_rate(self.step);
            let (batch_loss, batch_accuracy) = self.train(batch, learning_rate)?;
            let part = batch.len() as f64 / order.len() as f64;
            loss += part * f64::from(batch_loss);
            accuracy += part * f64::from(batch_accuracy);
            self.step += 1;
        }
        let selection = self.select(learning_rate)?;
        Ok(EpochRecord {
            epoch,
            loss,
            accuracy,
            learning_rate,
            gradient_norm: None,
            selection_loss: selection.map(|(loss, _)| loss),
            selection_accuracy: selection.map(|(_, accuracy)| accuracy),
        })
    }

    /// Loss and accuracy on the images to choose on, if there are any.
    fn select(&self, learning_rate: f64) -> Result<Option<(f64, f64)>> {
        if self.job.selection_labels.is_empty() {
            return Ok(None);
        }
        let (loss, accuracy) = self.classifier.evaluate(self.job.selection_features, self.job.selection_labels);
        match loss.is_finite() {
            true => Ok(Some((loss, accuracy))),
            false => Err(self.not_finite("selection loss", loss, learning_rate)),
        }
    }

    /// One step on a batch; its loss and accuracy before the step.
    fn train(&mut self, batch: &[usize], learning_rate: f64) -> Result<(f32, f32)> {
        let (loss, accuracy, mut weight_gradient, mut bias_gradient) = self.gradients(batch)?;
        if !loss.is_finite() {
            return Err(self.not_finite("loss", f64::from(loss), learning_rate));
        }
        let SoftmaxClassifier { weights, biases, .. } = &mut self.classifier;
        let mut parameters = [
            Trainable { values: weights, gradient: &mut weight_gradient, role: Role::Weight },
            Trainable { values: biases, gradient: &mut bias_gradient, role: Role::Bias },
        ];
        self.optimizer.step(&self.device, &mut parameters, learning_rate)?;
        Ok((loss, accuracy))
    }

    /// Loss, accuracy and the gradients of weights and biases on a batch.
    fn gradients(&self, batch: &[usize]) -> Result<(f32, f32, Vec<f32>, Vec<f32>)> {
        let (width, classes) = (self.classifier.width, self.classifier.classes);
        let rows: Vec<f32> = batch.iter().flat_map(|&i| self.job.features.row(i)).copied().collect();
        let labels: Vec<usize> = batch.iter().map(|&i| self.job.labels[i]).collect();
        let failed = |error| Error::stage(format!("dfdx: {error}"));
        let rows = self.device.try_tensor_from_vec(rows, (batch.len(), width)).map_err(failed)?;
        let weights =
            self.device.try_tensor_from_vec(self.classifier.weights.clone(), (width, classes)).map_err(failed)?;
        let biases = self.device.try_tensor_from_vec(self.classifier.biases.clone(), (classes,)).map_err(failed)?;
        let forward = || {
            let scores = rows.leaky_trace().try_matmul(weights.clone())?;
            let biases = biases.leaky_trace().try_broadcast_like::<_, Axis<0>>(&(batch.len(), classes))?;
            scores.try_add(biases)
        };
        let (loss, accuracy) = cross_entropy(forward().map_err(failed)?, &labels)?;
        let value = loss.array();
        let gradients = loss.try_backward().map_err(failed)?;
        Ok((value, accuracy, gradients.get(&weights).as_vec(), gradients.get(&biases).as_vec()))
    }

    fn not_finite(&self, what: &str, value: f64, learning_rate: f64) -> Error {
        Error::stage(format!(
            "the {what} of the softmax classifier is {value} at step {}, learning rate {learning_rate:e}",
            self.step
        ))
        .help("use a smaller learning rate or a warm-up, or standardize the features")
    }
}
