//! Accuracy curves of linear evaluation, one line per depth.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries, Look};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, Dash, Family, Ink, Marker};
use crate::render::groups::{group_by, without_seed};
use crate::render::plots::{Figure, Section, first_caption};
use crate::render::words;

/// Maximum number of panels.
const MAX_PANELS: usize = 6;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let linear = curves.iter().filter(|curve| curve.kind == CurveKind::LinearEval && !curve.rows.is_empty());
    let mut panels = group_by(linear, |curve| {
        let fraction = curve.fraction.map(f64::to_bits);
        (curve.stage.clone(), curve.from.clone(), fraction, without_seed(&curve.variant))
    });
    if panels.is_empty() {
        return Ok(None);
    }
    let all = panels.len();
    panels.truncate(MAX_PANELS);
    let several = panels.len() > 1;
    let all_rows = panels.iter().flat_map(|(_, curves)| curves).flat_map(|curve| &curve.rows);
    // One axis for all panels, so that they can be compared.
    let y = Axis::percent("Accuracy", all_rows.map(measured));
    let chosen_by = group_by(panels.iter().flat_map(|(_, curves)| curves), |curve| curve.chosen_by.as_str());
    let chosen_by: Vec<&str> = chosen_by.into_iter().map(|(rule, _)| rule).collect();
    let stages = group_by(&panels, |((stage, ..), _)| stage.clone());
    let panels: Vec<LinePanel> =
        panels.iter().map(|(_, curves)| panel(curves, (several, stages.len() > 1), &y)).collect();
    let caption = caption(&chosen_by) + &first_caption(panels.len(), all);
    let title = "Linear evaluation by epoch and depth of the features";
    Figure::draw(Section::Results, "linear-evaluation-curves", title, caption, &LineChart::grid(panels)).map(Some)
}

/// Explains the curves and which epoch a marker is at.
fn caption(chosen_by: &[&str]) -> String {
    let rule = match chosen_by {
        [""] => "the last one".to_owned(),
        [only] => format!("the one with the {only} on that split"),
        _ => "the one with the lowest loss or the highest accuracy on that split, as configured".to_owned(),
    };
    format!("Accuracy on the split that selects the epoch. A marker is at the epoch whose weights were kept, {rule}.")
}

fn panel(curves: &[&TrainingCurve], (several, sections): (bool, bool), y: &Axis) -> LinePanel {
    let first = curves[0];
    let labels = first.fraction.map(|fraction| words::of_labels(fraction, first.labels_per_class)).unwrap_or_default();
    let from = first.from.clone().unwrap_or_default();
    // If the panels have several sections, the section name also identifies the pretraining run.
    let of = if sections { &first.stage } else { &from };
    let heading =
        if several { words::join_nonempty(&[of, &labels, &without_seed(&first.variant)]) } else { String::new() };
    let seeds = curves.iter().filter(|curve| curve.depth == first.depth).count() > 1;
    let mut lines: Vec<LineSeries> = Vec::new();
    for curve in curves {
        // Seeds share a color; only the first of them is named.
        let name = if curve.depth_label.is_empty() { curve.stage.clone() } else { curve.depth_label.clone() };
        let named = lines.iter().any(|line| line.name == name);
        let points: Vec<(f64, f64)> = curve.rows.iter().map(|row| (row.epoch, measured(row))).collect();
        let best = curve.best_epoch.and_then(|best| points.iter().position(|(epoch, _)| *epoch == best as f64));
        let line = LineSeries::new(if named { String::new() } else { name }, look(curve.depth), points);
        lines.push(LineSeries { best, ..if seeds { line.thin() } else { line } });
    }
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = Axis::epochs(points().map(|point| point.0));
    LinePanel { heading, x, y: y.clone(), lines, reference_lines: Vec::new() }
}

/// Returns the look of a depth: the marker is the same as in the other figures.
fn look(depth: Option<usize>) -> Look {
    let depth = depth.unwrap_or(0);
    Look { ink: Ink::Of(Family::Linear, depth), dash: Dash::nth(depth), marker: Marker::nth(depth) }
}

fn measured(row: &CurveRow) -> f64 {
    row.selection_accuracy.unwrap_or(row.accuracy)
}
