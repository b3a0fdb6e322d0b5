//! The classifier of linear evaluation: one softmax layer on frozen features.

use crate::analysis::Features;
use crate::base::product::{Matrix, multiply};
use crate::base::{Error, Result, rng};
use crate::loss::cross_entropy;
use crate::nn::{Role, Trainable};
use crate::optim::{Optimizer, OptimizerConfig, Schedule, ScheduleConfig};
use crate::train::early_stopping::{EarlyStopping, Verdict};
use dfdx::prelude::*;
use serde::{Deserialize, Serialize};

/// What a classifier is trained on, and how.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxTraining<'a> {
    /// Features of the labelled pictures.
    pub features: Features<'a>,
    /// Their classes.
    pub labels: &'a [usize],
    /// Features of the pictures on which the best weights are chosen.
    pub selection_features: Features<'a>,
    /// Their classes.
    pub selection_labels: &'a [usize],
    /// Number of classes.
    pub classes: usize,
    /// Optimiser.
    pub optimizer: &'a OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: &'a ScheduleConfig,
    /// Most passes over the labelled pictures.
    pub epochs: usize,
    /// Pictures in a batch; the last one of an epoch may be smaller.
    pub batch_size: usize,
    /// Epochs without a better selection loss after which training stops.
    pub patience: Option<usize>,
    /// Seed of the order of the pictures, the only random thing: the weights start from 0, since the problem is convex.
    pub seed: u64,
}

/// What is measured in an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, the first being 0.
    pub epoch: usize,
    /// Mean cross-entropy over the pictures of the epoch, each as it was trained on.
    pub loss: f64,
    /// Their accuracy.
    pub accuracy: f64,
    /// Mean cross-entropy on the selection pictures after the epoch.
    pub selection_loss: f64,
    /// Their accuracy.
    pub selection_accuracy: f64,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
}

/// A trained softmax layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxClassifier {
    /// Features of a picture.
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
        self.logits(features).chunks(self.classes).map(largest).collect()
    }

    /// Class probabilities, `[rows, classes]`.
    pub fn probabilities(&self, features: Features<'_>) -> Vec<f32> {
        let mut rows = self.logits(features);
        for row in rows.chunks_mut(self.classes) {
            let total = log_sum_exp(row);
            row.iter_mut().for_each(|score| *score = (f64::from(*score) - total).exp() as f32);
        }
        rows
    }

    /// Mean cross-entropy and accuracy.
    pub fn evaluate(&self, features: Features<'_>, labels: &[usize]) -> (f64, f64) {
        let logits = self.logits(features);
        let (mut loss, mut right) = (0.0, 0);
        for (row, &label) in logits.chunks(self.classes).zip(labels) {
            loss += log_sum_exp(row) - f64::from(row[label]);
            right += usize::from(largest(row) == label);
        }
        (loss / labels.len() as f64, right as f64 / labels.len() as f64)
    }
}

fn largest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

fn log_sum_exp(row: &[f32]) -> f64 {
    let most = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    most + row.iter().map(|&score| (f64::from(score) - most).exp()).sum::<f64>().ln()
}

/// Trains a softmax layer by minibatches and returns it as it was after the best epoch, with the record of each epoch
/// and the best epoch.
///
/// # Errors
/// There are no labelled pictures or none to choose on, a label is no class, or the loss stops being a finite number.
pub fn train_softmax(job: &SoftmaxTraining<'_>) -> Result<(SoftmaxClassifier, Vec<EpochRecord>, usize)> {
    check(job)?;
    let mut training = Training::new(job);
    let mut stopping = EarlyStopping::new(job.patience);
    let (mut best, mut records) = (training.classifier.clone(), Vec::new());
    for epoch in 0..job.epochs {
        let record = training.epoch(epoch)?;
        let verdict = stopping.observe(epoch, record.selection_loss);
        records.push(record);
        match verdict {
            Verdict::Improved => best = training.classifier.clone(),
            Verdict::Wait => {}
            Verdict::Stop => break,
        }
    }
    Ok((best, records, stopping.best_epoch().unwrap_or(0)))
}

fn check(job: &SoftmaxTraining<'_>) -> Result<()> {
    for (what, features, labels) in
        [("labelled", job.features, job.labels), ("selection", job.selection_features, job.selection_labels)]
    {
        if features.rows == 0 {
            return Err(Error::stage(format!("there are no {what} pictures to train the softmax classifier with"))
                .help("set a larger labeled fraction, or a validation_fraction above 0"));
        }
        if features.rows != labels.len() || labels.iter().any(|&label| label >= job.classes) {
            return Err(Error::bug(format!("{what} pictures: labels do not fit {} rows of features", features.rows)));
        }
    }
    Ok(())
}

struct Training<'a> {
    job: &'a SoftmaxTraining<'a>,
    device: Cpu,
    classifier: SoftmaxClassifier,
    optimizer: Optimizer,
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
        let (selection_loss, selection_accuracy) =
            self.classifier.evaluate(self.job.selection_features, self.job.selection_labels);
        if !selection_loss.is_finite() {
            return Err(self.not_finite("selection loss", selection_loss, learning_rate));
        }
        Ok(EpochRecord { epoch, loss, accuracy, selection_loss, selection_accuracy, learning_rate })
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
        self.optimizer.step(&mut parameters, learning_rate);
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
