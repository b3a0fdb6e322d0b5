//! The classifier of linear evaluation trained by minibatches: one softmax layer on frozen features.

use crate::analysis::FeatureMatrix;
use crate::base::matmul::{Matrix, gemm};
use crate::base::{Error, Result, rng};
use crate::loss::cross_entropy;
use crate::nn::{Role, Trainable};
use crate::optim::{Optimizer, OptimizerConfig, Schedule, ScheduleConfig};
use crate::train::{EarlyStopping, EpochRecord, StoppingRule, logits};
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// Data and hyperparameters of the training of a classifier.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxJob<'a> {
    /// Features of the labeled images.
    pub features: FeatureMatrix<'a>,
    /// Classes of the labeled images.
    pub labels: &'a [usize],
    /// Features of the images that select the best weights.
    pub selection_features: FeatureMatrix<'a>,
    /// Classes of those images.
    pub selection_labels: &'a [usize],
    /// Number of classes.
    pub classes: usize,
    /// Optimizer.
    pub optimizer: &'a OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: &'a ScheduleConfig,
    /// Maximum number of epochs.
    pub epochs: usize,
    /// Images per batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Early stopping; without it, all epochs are run and the last weights are kept.
    pub stopping: Option<StoppingRule>,
    /// Weight of each class in the loss; `None` if all are 1.
    pub class_weights: Option<&'a [f64]>,
    /// Seed of the order of the images; the weights start from 0, since the problem is convex.
    pub seed: u64,
}

/// A trained softmax layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxClassifier {
    /// Number of features.
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

    /// Returns class scores, `[rows, classes]`.
    pub fn logits(&self, features: FeatureMatrix<'_>) -> Vec<f32> {
        let mut logits = vec![0.0; features.rows * self.classes];
        logits.chunks_mut(self.classes).for_each(|row| row.copy_from_slice(&self.biases));
        let features = Matrix::new(features.values, features.rows, features.width);
        gemm(features, Matrix::new(&self.weights, self.width, self.classes), true, &mut logits);
        logits
    }

    /// Returns the predicted class of each row; among equal scores, the first.
    pub fn predict(&self, features: FeatureMatrix<'_>) -> Vec<usize> {
        logits::best_classes(&self.logits(features), self.classes)
    }

    /// Returns class probabilities, `[rows, classes]`.
    pub fn probabilities(&self, features: FeatureMatrix<'_>) -> Vec<f32> {
        logits::probabilities(self.logits(features), self.classes)
    }

    /// Returns mean cross-entropy, weighted by class if weights are given, and accuracy.
    pub fn evaluate(&self, features: FeatureMatrix<'_>, labels: &[usize], class_weights: Option<&[f64]>) -> (f64, f64) {
        let scores = self.logits(features);
        (
            logits::mean_cross_entropy(&scores, labels, self.classes, class_weights),
            logits::accuracy(&scores, labels, self.classes),
        )
    }
}

/// Trains a softmax layer by minibatches. Returns the weights of the kept epoch, the record of each epoch, and the kept
/// epoch from 1 (0: no epoch was an improvement).
///
/// # Errors
/// There are no labeled images, a label is not a class, or the loss is no longer finite.
pub fn train_softmax(job: &SoftmaxJob<'_>) -> Result<(SoftmaxClassifier, Vec<EpochRecord>, usize)> {
    check(job)?;
    let mut trainer = SoftmaxTrainer::new(job);
    let mut stopping = EarlyStopping::new(job.stopping);
    let mut best = trainer.classifier.clone();
    let mut records = Vec::new();
    while records.len() < job.epochs && !stopping.is_over() {
        let record = trainer.epoch(records.len() + 1)?;
        if stopping.observe(&record, trainer.step) {
            best.clone_from(&trainer.classifier);
        }
        records.push(record);
    }
    let kept = if job.stopping.is_some() { best } else { trainer.classifier };
    Ok((kept, records, stopping.kept_epoch()))
}

fn check(job: &SoftmaxJob<'_>) -> Result<()> {
    if job.features.rows == 0 {
        return Err(Error::stage("there are no labeled images to train the classifier on")
            .help("set a larger `labeled_fraction`"));
    }
    for (features, labels) in [(job.features, job.labels), (job.selection_features, job.selection_labels)] {
        if features.rows != labels.len() || labels.iter().any(|&label| label >= job.classes) {
            return Err(Error::bug(format!("labels do not fit {} rows of features", features.rows)));
        }
    }
    Ok(())
}

struct SoftmaxTrainer<'a> {
    job: &'a SoftmaxJob<'a>,
    device: Cpu,
    classifier: SoftmaxClassifier,
    optimizer: Optimizer<Cpu>,
    schedule: Schedule,
    step: u64,
}

impl<'a> SoftmaxTrainer<'a> {
    fn new(job: &'a SoftmaxJob<'a>) -> Self {
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
            let (batch_loss, batch_accuracy) = self.step(batch, learning_rate)?;
            let weight = batch.len() as f64 / order.len() as f64;
            loss += weight * f64::from(batch_loss);
            accuracy += weight * f64::from(batch_accuracy);
            self.step += 1;
        }
        let selection = self.evaluate_selection(learning_rate)?;
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

    /// Returns loss and accuracy on the selection images, if any.
    fn evaluate_selection(&self, learning_rate: f64) -> Result<Option<(f64, f64)>> {
        if self.job.selection_labels.is_empty() {
            return Ok(None);
        }
        let SoftmaxJob { selection_features, selection_labels, class_weights, .. } = *self.job;
        let (loss, accuracy) = self.classifier.evaluate(selection_features, selection_labels, class_weights);
        match loss.is_finite() {
            true => Ok(Some((loss, accuracy))),
            false => Err(self.not_finite("selection loss", loss, learning_rate)),
        }
    }

    /// Takes one step on a batch; returns its loss and accuracy before the step.
    fn step(&mut self, batch: &[usize], learning_rate: f64) -> Result<(f32, f32)> {
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

    /// Returns loss, accuracy and the gradients of weights and biases on a batch.
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
        let (loss, accuracy) = cross_entropy(forward().map_err(failed)?, &labels, self.job.class_weights)?;
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
