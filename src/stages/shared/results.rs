//! Test accuracies and training curves of evaluations in the report.

use crate::base::Result;
use crate::model::EncoderConfig;
use crate::render::data::{CurveKind, CurveRow, EvaluationKind, EvaluationResult, Report, TrainingCurve};
use crate::stages::pretrain::PretrainNode;
use crate::stages::shared::labels::LabelAmount;
use crate::stages::shared::metrics::Metrics;
use crate::stages::shared::{artifacts, depths, tested};
use crate::study::{DataFacts, Pipeline, ReportPart, Shown, VariantLabel};
use crate::train::{EpochRecord, Monitor};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// Which evaluation of the study a result belongs to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::stages) struct Evaluated {
    /// The section and the name of the table: `linear_eval.main`.
    pub(in crate::stages) stage: String,
    /// Name of the pretraining run.
    pub(in crate::stages) from: Option<String>,
    /// The data set that it was pretrained on.
    pub(in crate::stages) pretrained_on: Option<String>,
    /// The data set evaluated on; empty for `[dataset]`.
    pub(in crate::stages) dataset: String,
    /// Whether the encoder has its initial weights.
    pub(in crate::stages) is_untrained: bool,
    /// The encoder, to find results with the same one.
    pub(in crate::stages) encoder: EncoderConfig,
    /// Depth of the features; none for a network that is trained as a whole.
    pub(in crate::stages) depth: Option<usize>,
    /// Values of a feature vector at that depth.
    pub(in crate::stages) width: usize,
    /// Fraction of the labels.
    pub(in crate::stages) fraction: f64,
    /// Number of labels per class, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::stages) labels_per_class: Option<usize>,
    /// Seed of the pipeline.
    pub(in crate::stages) seed: u64,
    /// Whether something was selected on the test set.
    pub(in crate::stages) selected_on_test: bool,
    /// The metric by which the kept epoch was selected.
    pub(in crate::stages) monitor: Option<Monitor>,
}

impl Evaluated {
    /// Describes an evaluation of features.
    pub(in crate::stages) fn of_features(
        stage: String,
        node: &PretrainNode,
        (depth, width): (usize, usize),
        (labels, dataset, facts): (LabelAmount, &str, &DataFacts),
        pipeline: &Pipeline,
    ) -> Self {
        let config = &node.pretrained.config;
        Self {
            stage,
            from: Some(node.pretrained.name.clone()),
            pretrained_on: Some(config.datasets(pipeline)),
            dataset: dataset.to_owned(),
            is_untrained: config.is_untrained(),
            encoder: config.encoder.clone(),
            depth: Some(depth),
            width,
            fraction: labels.fraction(facts),
            labels_per_class: labels.per_class(),
            seed: pipeline.seed,
            selected_on_test: false,
            monitor: None,
        }
    }
}

/// A test accuracy, with its training curve if it has one. The part's artifact has the role `result`.
#[derive(Debug)]
pub(in crate::stages) struct ResultPart {
    /// Kind of the evaluation.
    pub(in crate::stages) kind: EvaluationKind,
    /// Kind of its training curve, if it is trained by epochs.
    pub(in crate::stages) curve: Option<CurveKind>,
    /// The evaluation.
    pub(in crate::stages) evaluated: Evaluated,
}

impl ReportPart for ResultPart {
    fn describe(&self) -> Value {
        json!({ "result": self.evaluated })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let directory = shown.artifact("result")?;
        let metrics = Metrics::read(directory)?;
        if let Some(kind) = self.curve {
            report.curves.push(self.curve(directory, kind, &metrics, shown.variant)?);
        }
        let tested = tested::read(directory)?;
        report.test_sets.entry(tested.test_set.clone()).or_insert(tested.guess);
        report.results.push(EvaluationResult {
            test_set: tested.test_set,
            right: tested.right,
            labeled: metrics.labeled,
            correct: metrics.correct,
            total: metrics.total,
            accuracy: metrics.accuracy,
            interval: metrics.interval,
            balanced_accuracy: metrics.balanced_accuracy,
            macro_f1: metrics.macro_f1,
            top5_accuracy: metrics.top5_accuracy,
            validation_accuracy: metrics.validation_accuracy,
            classes: metrics.classes,
            confusion: metrics.confusion,
            best_epoch: metrics.best_epoch,
            epochs: metrics.epochs.unwrap_or(0),
            mistakes: tested.mistakes,
            ..self.result(shown.variant)
        });
        Ok(())
    }

    fn collect_missing(&self, variant: &VariantLabel, report: &mut Report) {
        let (accuracy, interval) = (f64::NAN, (f64::NAN, f64::NAN));
        report.results.push(EvaluationResult {
            is_missing: true,
            accuracy,
            interval,
            balanced_accuracy: f64::NAN,
            macro_f1: f64::NAN,
            ..self.result(variant)
        });
    }
}

impl ResultPart {
    /// Returns the result without its measurements.
    fn result(&self, variant: &VariantLabel) -> EvaluationResult {
        let evaluated = &self.evaluated;
        EvaluationResult {
            kind: self.kind,
            stage: evaluated.stage.clone(),
            from: evaluated.from.clone(),
            pretrained_on: evaluated.pretrained_on.clone(),
            dataset: evaluated.dataset.clone(),
            is_untrained: evaluated.is_untrained,
            encoder: serde_json::to_string(&evaluated.encoder).unwrap_or_default(),
            depth: evaluated.depth,
            depth_label: self.depth_label(evaluated.width),
            fraction: evaluated.fraction,
            labels_per_class: evaluated.labels_per_class,
            variant: variant.label.clone(),
            values: variant.values.clone(),
            seed: evaluated.seed,
            selected_on_test: evaluated.selected_on_test,
            ..EvaluationResult::default()
        }
    }

    fn curve(
        &self,
        directory: &Path,
        kind: CurveKind,
        metrics: &Metrics,
        variant: &VariantLabel,
    ) -> Result<TrainingCurve> {
        Ok(TrainingCurve {
            kind,
            stage: self.evaluated.stage.clone(),
            variant: variant.label.clone(),
            from: self.evaluated.from.clone(),
            depth: self.evaluated.depth,
            depth_label: self.depth_label(metrics.width),
            fraction: Some(self.evaluated.fraction),
            labels_per_class: self.evaluated.labels_per_class,
            best_epoch: metrics.best_epoch,
            chosen_by: match self.evaluated.monitor {
                Some(Monitor::Loss) => "lowest loss".to_owned(),
                Some(Monitor::Accuracy) => "highest accuracy".to_owned(),
                None => String::new(),
            },
            rows: curve(directory)?,
            ..TrainingCurve::default()
        })
    }

    fn depth_label(&self, width: usize) -> String {
        self.evaluated.depth.map(|depth| depths::label(depth, width)).unwrap_or_default()
    }
}

/// Reads the training curve of an artifact.
///
/// # Errors
/// The history cannot be read or is damaged.
pub(in crate::stages) fn curve(directory: &Path) -> Result<Vec<CurveRow>> {
    let path = directory.join(artifacts::HISTORY);
    let records: Vec<EpochRecord> = artifacts::read_rows(&path)?;
    if !records.iter().all(|record| record.loss.is_finite() && record.accuracy.is_finite()) {
        return Err(artifacts::impossible(&path, "a loss or an accuracy is not finite"));
    }
    let row = |record: EpochRecord| CurveRow {
        epoch: record.epoch as f64,
        loss: record.loss,
        accuracy: record.accuracy,
        learning_rate: record.learning_rate,
        selection_loss: record.selection_loss,
        selection_accuracy: record.selection_accuracy,
    };
    Ok(records.into_iter().map(row).collect())
}
