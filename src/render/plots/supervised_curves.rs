//! Loss and accuracy of supervised training over epochs.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{gathered, without_seed};
use crate::render::plots::{Figure, SERIES_AT_MOST, Section, joined, left_out_caption};
use crate::render::words;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let supervised = curves.iter().filter(|curve| curve.kind == CurveKind::Supervised && !curve.rows.is_empty());
    let mut runs = gathered(supervised, name);
    if runs.is_empty() {
        return Ok(None);
    }
    let all = runs.len();
    // Each run has two lines.
    runs.truncate(SERIES_AT_MOST / 2);
    let count = runs.len();
    let panel = |title: &str, percent: bool, training: Value, selection: Selection| {
        let lines: Vec<Line> = runs
            .iter()
            .enumerate()
            .flat_map(|(at, (name, curves))| lines(name, style::color(at, count), curves, training, selection))
            .collect();
        let points = || lines.iter().flat_map(|line| &line.points);
        let values: Vec<f64> = points().map(|point| point.1).collect();
        let y = if percent { Axis::percent(title, values) } else { Axis::linear(title, values) };
        Panel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, rules: Vec::new() }
    };
    let panels = vec![
        panel("Cross-entropy (nats)", false, |row| row.loss, |row| row.selection_loss),
        panel("Accuracy", true, |row| row.accuracy, |row| row.selection_accuracy),
    ];
    let caption = "Dashed on the training images, solid on the images that are watched (validation unless the pipeline says test); the percentage is the fraction of the labels. A disc marks the epoch whose weights were kept.".to_owned();
    let caption = caption + &left_out_caption(count, all, "curves.csv");
    let title = "Supervised training";
    Figure::draw(Section::Training, "supervised-training", title, caption, &LineChart::grid(panels)).map(Some)
}

type Value = fn(&CurveRow) -> f64;
type Selection = fn(&CurveRow) -> Option<f64>;

fn name(curve: &&TrainingCurve) -> String {
    let labels = curve.fraction.map(|fraction| format!(" ({})", words::share(fraction))).unwrap_or_default();
    joined(&[&format!("{}{labels}", curve.stage), &without_seed(&curve.variant)])
}

/// Training and selection of each seed; the first seed gives the names.
fn lines(
    name: &str,
    color: plotters::style::RGBColor,
    curves: &[&TrainingCurve],
    training: Value,
    selection: Selection,
) -> Vec<Line> {
    let seeds = curves.len() > 1;
    let mut lines = Vec::new();
    for (seed, curve) in curves.iter().enumerate() {
        let named = |what: &str| if seed == 0 { format!("{name}, {what}") } else { String::new() };
        let points = curve.rows.iter().map(|row| (row.epoch, training(row))).collect();
        let line = Line::new(named("training"), color, points);
        lines.push(Line { dashed: true, ..if seeds { line.thin() } else { line } });
        let points: Vec<(f64, f64)> =
            curve.rows.iter().filter_map(|row| selection(row).map(|value| (row.epoch, value))).collect();
        let best = curve.best_epoch.and_then(|best| points.iter().find(|(epoch, _)| *epoch == best as f64)).copied();
        if !points.is_empty() {
            let line = Line::new(named("selection"), color, points);
            lines.push(Line { best, ..if seeds { line.thin() } else { line } });
        }
    }
    lines
}
