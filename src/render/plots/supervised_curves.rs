//! Loss and accuracy curves of supervised training.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries, Look};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, Dash, Family, Ink, Marker};
use crate::render::groups::{group_by, without_seed};
use crate::render::plots::{Figure, MAX_SERIES, Names, Section, first_caption};
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
    let names = Names::of(runs.iter().map(|(name, _)| name.clone()).collect());
    let panel = |title: &str, percent: bool, training: Value, selection: Selection| {
        let lines: Vec<LineSeries> = runs
            .iter()
            .enumerate()
            .flat_map(|(at, (_, curves))| lines(&names.each[at], at, curves, training, selection))
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
                   `select_on = \"test\"`). Percentages are fractions of the labels. A marker is at the epoch \
                   whose weights were kept.";
    let caption = caption.to_owned() + &names.caption() + &first_caption(runs.len(), all);
    let title = "Supervised training";
    Figure::draw(Section::Training, "supervised-training", title, caption, &LineChart::grid(panels)).map(Some)
}

type Value = fn(&CurveRow) -> f64;
type Selection = fn(&CurveRow) -> Option<f64>;

fn name(curve: &&TrainingCurve) -> String {
    let labels = |fraction| format!(" ({})", words::label_amount(fraction, curve.labels_per_class));
    let labels = curve.fraction.map(labels).unwrap_or_default();
    words::join_nonempty(&[&format!("{}{labels}", curve.stage), &without_seed(&curve.variant)])
}

/// Returns the training and selection curves of each seed; only those of the first seed are named.
fn lines(name: &str, at: usize, curves: &[&TrainingCurve], training: Value, selection: Selection) -> Vec<LineSeries> {
    let seeds = curves.len() > 1;
    let dashes = [[Dash::Dashed, Dash::Solid], [Dash::Dotted, Dash::Alternating]][(at / 3).min(1)];
    let mut lines = Vec::new();
    for (seed, curve) in curves.iter().enumerate() {
        let named = |what: &str| if seed == 0 { format!("{name}, {what}") } else { String::new() };
        let family = if curve.from.is_some() { Family::FineTuned } else { Family::Supervised };
        let look = dashes.map(|dash| Look { ink: Ink::Of(family, at), dash, marker: Marker::nth(at) });
        let points = curve.rows.iter().map(|row| (row.epoch, training(row))).collect();
        let line = LineSeries::new(named("training"), look[0], points);
        lines.push(if seeds { line.thin() } else { line });
        let points: Vec<(f64, f64)> =
            curve.rows.iter().filter_map(|row| selection(row).map(|value| (row.epoch, value))).collect();
        let best = curve.best_epoch.and_then(|best| points.iter().position(|(epoch, _)| *epoch == best as f64));
        if !points.is_empty() {
            let line = LineSeries::new(named("selection"), look[1], points);
            lines.push(LineSeries { best, ..if seeds { line.thin() } else { line } });
        }
    }
    lines
}
