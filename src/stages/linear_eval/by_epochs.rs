//! A linear classifier trained by minibatches, epoch by epoch.

use super::fit::{LinearEvalData, TrainedClassifier};
use crate::base::Result;
use crate::engine::Context;
use crate::stages::shared::artifacts;
use crate::stages::shared::classifier::ClassifierTraining;
use crate::stages::shared::evaluation::{self, Evaluation};
use crate::stages::shared::training::epoch_metrics;
use crate::train::softmax::{SoftmaxClassifier, SoftmaxJob, train_softmax};
use crate::train::standardize::Standardizer;

/// Trains on standardized features, writes the history to the artifact, and folds standardization into the classifier.
pub(super) fn train(
    data: &LinearEvalData,
    epochs: usize,
    training: &ClassifierTraining,
    seed: u64,
    context: &Context<'_>,
) -> Result<TrainedClassifier> {
    let rows = |images: &[usize]| {
        let mut rows = data.features.rows(images);
        data.standardizer.iter().for_each(|standardizer| standardizer.apply(&mut rows));
        rows
    };
    let (labeled, selection) = (rows(&data.labeled), rows(&data.selection));
    let (classifier, records, kept) = train_softmax(&SoftmaxJob {
        features: data.features.view(&labeled),
        labels: &evaluation::labels(&data.set, &data.labeled),
        selection_features: data.features.view(&selection),
        selection_labels: &evaluation::labels(&data.set, &data.selection),
        classes: data.set.classes().len(),
        optimizer: &training.optimizer,
        schedule: &training.schedule,
        epochs,
        batch_size: training.batch_size,
        stopping: training.stopping,
        class_weights: data.class_weights.as_deref(),
        seed,
    })?;
    artifacts::write_rows(&context.output().join(artifacts::HISTORY), &records)?;
    let steps_per_epoch = data.labeled.len().div_ceil(training.batch_size.max(1));
    records.iter().for_each(|record| context.epoch(epoch_metrics(record, record.epoch * steps_per_epoch)));
    let evaluation = Evaluation {
        labeled: data.labeled.len(),
        width: data.features.width,
        best_epoch: Some(kept),
        epochs: Some(records.len()),
        kept: Some(evaluation::kept(training.stopping, kept)),
        ..Evaluation::default()
    };
    let classifier = match &data.standardizer {
        Some(standardizer) => folded(&classifier, standardizer),
        None => classifier,
    };
    Ok(TrainedClassifier { classifier, evaluation })
}

/// Returns the same classifier for features that are not standardized.
fn folded(classifier: &SoftmaxClassifier, standardizer: &Standardizer) -> SoftmaxClassifier {
    let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    standardizer.fold(&wide(&classifier.weights), &wide(&classifier.biases))
}
