//! From artifacts to the data of the report.

use crate::base::{Result, files};
use crate::dataset::Skipped;
use crate::engine::Context;
use crate::loss::nt_xent_chance;
use crate::render::data::{
    CurveKind, CurveRow, EmbeddingPanel, EvaluationKind, EvaluationResult, HealthRow, PairsImage, Report, TrainingCurve,
};
use crate::stages::embed::Point;
use crate::stages::evaluation::Metrics;
use crate::stages::health::DepthHealth;
use crate::stages::report::inputs::{Entry, Evaluated, Part};
use crate::stages::report::tested;
use crate::stages::{dataset, formats, split};
use crate::train::{EpochRecord, Monitor};
use std::path::Path;

impl Entry {
    /// Adds what the entry's artifact says to the report.
    pub(super) fn collect(&self, context: &Context<'_>, report: &mut Report) -> Result<()> {
        if self.is_missing {
            self.collect_missing(report);
            return Ok(());
        }
        let directory = context.input(&self.role)?;
        match &self.part {
            Part::Dataset => {
                let set = dataset::open(directory)?;
                let named =
                    |files: &[Skipped]| files.iter().map(|file| (file.name.clone(), file.reason.clone())).collect();
                (report.dataset.skipped, report.dataset.damaged) = (named(set.skipped()), named(set.damaged()));
                report.dataset.classes = set.classes().iter().map(|class| (class.clone(), 0, 0, 0)).collect();
                Ok(())
            }
            Part::Split { dataset } => match context.inputs.get(dataset) {
                Some(dataset) => collect_split(directory, dataset, report),
                None => Ok(()),
            },
            Part::Pretrain { name, batch_size } => {
                let mut curve = self.curve(directory, CurveKind::Pretrain, format!("pretrain.{name}"))?;
                curve.chance = Some(nt_xent_chance(*batch_size));
                report.curves.push(curve);
                Ok(())
            }
            Part::Health { name, is_untrained } => self.collect_health(directory, (name, *is_untrained), report),
            Part::Pairs { policy } => {
                let png = files::read(&directory.join(formats::PAIRS))?;
                report.pairs.push(PairsImage { policy: policy.clone(), png });
                Ok(())
            }
            Part::LinearEval(evaluated) => {
                self.collect_result(directory, EvaluationKind::LinearEval, evaluated, report)?;
                // What is solved exactly has no epochs.
                if !directory.join(formats::HISTORY).exists() {
                    return Ok(());
                }
                self.collect_curve(directory, CurveKind::LinearEval, evaluated, report)
            }
            Part::KnnEval(evaluated) => self.collect_result(directory, EvaluationKind::Knn, evaluated, report),
            Part::Supervised(evaluated) => {
                self.collect_result(directory, EvaluationKind::Supervised, evaluated, report)?;
                self.collect_curve(directory, CurveKind::Supervised, evaluated, report)
            }
            Part::Embed { name, from, depth, width, method } => {
                let panel = EmbeddingPanel {
                    stage: format!("embed.{name}"),
                    from: from.clone(),
                    depth: *depth,
                    depth_label: depth_label(*depth, *width),
                    method: method.clone(),
                    variant: self.variant.label.clone(),
                    ..points(directory)?
                };
                report.embeddings.push(panel);
                Ok(())
            }
        }
    }

    /// Keeps the place of a result that could not be made.
    fn collect_missing(&self, report: &mut Report) {
        let (kind, evaluated) = match &self.part {
            Part::LinearEval(evaluated) => (EvaluationKind::LinearEval, evaluated),
            Part::KnnEval(evaluated) => (EvaluationKind::Knn, evaluated),
            Part::Supervised(evaluated) => (EvaluationKind::Supervised, evaluated),
            _ => return,
        };
        let (accuracy, interval) = (f64::NAN, (f64::NAN, f64::NAN));
        report.results.push(EvaluationResult { is_missing: true, accuracy, interval, ..self.result(kind, evaluated) });
    }

    /// A result's place in the study, without what was measured.
    fn result(&self, kind: EvaluationKind, evaluated: &Evaluated) -> EvaluationResult {
        EvaluationResult {
            kind,
            stage: format!("{}.{}", result_stage(kind), evaluated.name),
            from: evaluated.from.clone(),
            is_untrained: evaluated.is_untrained,
            encoder: serde_json::to_string(&evaluated.encoder).unwrap_or_default(),
            depth: evaluated.depth,
            depth_label: evaluated.depth.map(|depth| depth_label(depth, evaluated.width)).unwrap_or_default(),
            fraction: evaluated.fraction,
            variant: self.variant.label.clone(),
            values: self.variant.values.clone(),
            seed: evaluated.seed,
            selected_on_test: evaluated.selected_on_test,
            ..EvaluationResult::default()
        }
    }

    fn curve(&self, directory: &Path, kind: CurveKind, stage: String) -> Result<TrainingCurve> {
        let row = |record: EpochRecord| CurveRow {
            epoch: record.epoch as f64,
            loss: record.loss,
            accuracy: record.accuracy,
            learning_rate: record.learning_rate,
            selection_loss: record.selection_loss,
            selection_accuracy: record.selection_accuracy,
        };
        let path = directory.join(formats::HISTORY);
        let records: Vec<EpochRecord> = formats::read_rows(&path)?;
        if !records.iter().all(|record| record.loss.is_finite() && record.accuracy.is_finite()) {
            return Err(formats::impossible(&path, "a loss or an accuracy is not finite"));
        }
        let rows = records.into_iter().map(row).collect();
        Ok(TrainingCurve { kind, stage, variant: self.variant.label.clone(), rows, ..TrainingCurve::default() })
    }

    fn collect_curve(
        &self,
        directory: &Path,
        kind: CurveKind,
        evaluated: &Evaluated,
        report: &mut Report,
    ) -> Result<()> {
        let metrics = Metrics::read(directory)?;
        let curve = self.curve(directory, kind, format!("{}.{}", curve_stage(kind), evaluated.name))?;
        report.curves.push(TrainingCurve {
            from: evaluated.from.clone(),
            depth: evaluated.depth,
            depth_label: evaluated.depth.map(|depth| depth_label(depth, metrics.width)).unwrap_or_default(),
            fraction: Some(evaluated.fraction),
            best_epoch: metrics.best_epoch,
            chosen_by: match evaluated.monitor {
                Some(Monitor::Loss) => "lowest loss".to_owned(),
                Some(Monitor::Accuracy) => "highest accuracy".to_owned(),
                None => String::new(),
            },
            ..curve
        });
        Ok(())
    }

    fn collect_result(
        &self,
        directory: &Path,
        kind: EvaluationKind,
        evaluated: &Evaluated,
        report: &mut Report,
    ) -> Result<()> {
        let metrics = Metrics::read(directory)?;
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
            validation_accuracy: metrics.validation_accuracy,
            classes: metrics.classes,
            confusion: metrics.confusion,
            best_epoch: metrics.best_epoch,
            epochs: metrics.epochs.unwrap_or(0),
            ..self.result(kind, evaluated)
        });
        Ok(())
    }

    fn collect_health(&self, directory: &Path, (name, is_untrained): (&str, bool), report: &mut Report) -> Result<()> {
        let rows: Vec<DepthHealth> = formats::read_json(&directory.join(formats::HEALTH))?;
        report.health.extend(rows.into_iter().map(|row| HealthRow {
            stage: format!("pretrain.{name}"),
            variant: self.variant.label.clone(),
            is_untrained,
            depth_label: depth_label(row.depth, row.width),
            alignment: row.health.alignment,
            uniformity: row.health.uniformity,
            spread: row.health.embedding_std,
            effective_rank: row.health.effective_rank,
            width: row.width,
        }));
        Ok(())
    }
}

fn collect_split(directory: &Path, dataset: &Path, report: &mut Report) -> Result<()> {
    let set = dataset::open(dataset)?;
    let split = split::open(directory, &set)?;
    let shared = split::shared(directory, &set, &split)?;
    report.dataset.shared = shared.into_iter().map(|shared| (shared.test, shared.other)).collect();
    for image in split.train {
        report.dataset.classes[set.label(image)].1 += 1;
    }
    for image in split.validation {
        report.dataset.classes[set.label(image)].2 += 1;
    }
    for image in split.test {
        report.dataset.classes[set.label(image)].3 += 1;
    }
    Ok(())
}

/// Points, labels and classes of an embedding; the rest is left empty.
fn points(directory: &Path) -> Result<EmbeddingPanel> {
    let path = directory.join(formats::EMBEDDING);
    let rows: Vec<Point> = formats::read_rows(&path)?;
    if !rows.iter().all(|row| row.x.is_finite() && row.y.is_finite()) {
        return Err(formats::impossible(&path, "a point is not finite"));
    }
    let mut classes: Vec<String> = rows.iter().map(|row| row.class.clone()).collect();
    classes.sort();
    classes.dedup();
    let label = |row: &Point| classes.binary_search(&row.class).unwrap_or(0);
    Ok(EmbeddingPanel {
        points: rows.iter().map(|row| (row.x, row.y)).collect(),
        labels: rows.iter().map(label).collect(),
        classes,
        ..EmbeddingPanel::default()
    })
}

/// `h (512-d)`, `projection layer 1 (256-d)`.
fn depth_label(depth: usize, width: usize) -> String {
    match depth {
        0 => format!("h ({width}-d)"),
        _ => format!("projection layer {depth} ({width}-d)"),
    }
}

fn curve_stage(kind: CurveKind) -> &'static str {
    match kind {
        CurveKind::Pretrain => "pretrain",
        CurveKind::Supervised => "supervised",
        CurveKind::LinearEval => "linear_eval",
    }
}

fn result_stage(kind: EvaluationKind) -> &'static str {
    match kind {
        EvaluationKind::LinearEval => "linear_eval",
        EvaluationKind::Knn => "knn_eval",
        EvaluationKind::Supervised => "supervised",
    }
}
