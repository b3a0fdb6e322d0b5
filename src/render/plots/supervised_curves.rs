//! Loss and accuracy curves of supervised training.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{group_by, without_seed};
use crate::render::plots::{Figure, MAX_SERIES, Section, join_nonempty, omitted_caption};
use crate::render::words;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let supervised = curves.iter().filter(|curve| curve.kind == CurveKind::Supervised && !curve.rows.is_empty());
    let mut runs = group_by(supervised, name);
    if runs.is_empty() {
        return Ok(None);
    }
    let all = runs.len();
    // Each run has two lines.
    runs.truncate(MAX_SERIES / 2);
    let count = runs.len();
    let panel = |title: &str, percent: bool, training: Value, selection: Selection| {
        let lines: Vec<LineSeries> = runs
            .iter()
            .enumerate()
            .flat_map(|(at, (name, curves))| lines(name, style::color(at, count), curves, training, selection))
            .collect();
        let points = || lines.iter().flat_map(|line| &line.points);
        let values: Vec<f64> = points().map(|point| point.1).collect();
        let y = if percent { Axis::percent(title, values) } else { Axis::linear(title, values) };
        LinePanel {
            heading: String::new(),
            x: Axis::epochs(points().map(|point| point.0)),
            y,
            lines,
            reference_lines: Vec::new(),
        }
    };
    let panels = vec![
        panel("Cross-entropy (nats)", false, |row| row.loss, |row| row.selection_loss),
        panel("Accuracy", true, |row| row.accuracy, |row| row.selection_accuracy),
    ];
    let caption = "Dashed: training images. Solid: the split that selects the epoch (validation unless \
                   `select_on = \"test\"`). Percentages are fractions of the labels. A dot marks the epoch whose \
                   weights were kept.";
    let caption = caption.to_owned() + &omitted_caption(count, all, "curves.csv");
    let title = "Supervised training";
    Figure::draw(Section::Training, "supervised-training", title, caption, &LineChart::grid(panels)).map(Some)
}

type Value = fn(&CurveRow) -> f64;
type Selection = fn(&CurveRow) -> Option<f64>;

fn name(curve: &&TrainingCurve) -> String {
    let labels = |fraction| format!(" ({})", words::label_amount(fraction, curve.labels_per_class));
    let labels = curve.fraction.map(labels).unwrap_or_default();
    join_nonempty(&[&format!("{}{labels}", curve.stage), &without_seed(&curve.variant)])
}

/// Returns the training and selection curves of each seed; only those of the first seed are named.
fn lines(
    name: &str,
    color: plotters::style::RGBColor,
    curves: &[&TrainingCurve],
    training: Value,
    selection: Selection,
) -> Vec<LineSeries> {
    let seeds = curves.len() > 1;
    let mut lines = Vec::new();
    for (seed, curve) in curves.iter().enumerate() {
        let named = |what: &str| if seed == 0 { format!("{name}, {what}") } else { String::new() };
        let points = curve.rows.iter().map(|row| (row.epoch, training(row))).collect();
        let line = LineSeries::new(named("training"), color, points);
        lines.push(LineSeries { dashed: true, ..if seeds { line.thin() } else { line } });
        let points: Vec<(f64, f64)> =
            curve.rows.iter().filter_map(|row| selection(row).map(|value| (row.epoch, value))).collect();
        let best = curve.best_epoch.and_then(|best| points.iter().find(|(epoch, _)| *epoch == best as f64)).copied();
        if !points.is_empty() {
            let line = LineSeries::new(named("selection"), color, points);
            lines.push(LineSeries { best, ..if seeds { line.thin() } else { line } });
        }
    }
    lines
}
