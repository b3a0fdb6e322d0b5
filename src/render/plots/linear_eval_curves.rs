//! Accuracy of linear evaluation over its epochs, a line a depth.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{gathered, without_seed};
use crate::render::plots::{Figure, Section, joined, left_out_caption};
use crate::render::words;

/// More panels than this are a wall.
const PANELS_AT_MOST: usize = 6;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let linear = curves.iter().filter(|curve| curve.kind == CurveKind::LinearEval && !curve.rows.is_empty());
    let mut panels = gathered(linear, |curve| {
        let fraction = curve.fraction.map(f64::to_bits);
        (curve.stage.clone(), curve.from.clone(), fraction, without_seed(&curve.variant))
    });
    if panels.is_empty() {
        return Ok(None);
    }
    let all = panels.len();
    panels.truncate(PANELS_AT_MOST);
    let depths = gathered(panels.iter().flat_map(|(_, curves)| curves), |curve| curve.depth);
    let depths: Vec<Option<usize>> = depths.into_iter().map(|(depth, _)| depth).collect();
    let several = panels.len() > 1;
    let all_rows = panels.iter().flat_map(|(_, curves)| curves).flat_map(|curve| &curve.rows);
    // One axis for all panels, so that they can be compared.
    let y = Axis::percent("Accuracy", all_rows.map(measured));
    let chosen_by = gathered(panels.iter().flat_map(|(_, curves)| curves), |curve| curve.chosen_by.as_str());
    let chosen_by: Vec<&str> = chosen_by.into_iter().map(|(rule, _)| rule).collect();
    let stages = gathered(&panels, |((stage, ..), _)| stage.clone());
    let panels: Vec<Panel> =
        panels.iter().map(|(_, curves)| panel(curves, &depths, (several, stages.len() > 1), &y)).collect();
    let caption = caption(&chosen_by) + &left_out_caption(panels.len(), all, "curves.csv");
    let title = "Linear evaluation over epochs, by depth of the features";
    Figure::draw(Section::Results, "linear-evaluation-curves", title, caption, &LineChart::grid(panels)).map(Some)
}

/// What is drawn, and what a disc marks.
fn caption(chosen_by: &[&str]) -> String {
    let rule = match chosen_by {
        [""] => "the last".to_owned(),
        [only] => format!("that of the {only} there"),
        _ => "that of the lowest loss or of the highest accuracy there, as the pipeline says".to_owned(),
    };
    format!("Accuracy on the images that choose the epoch; a disc marks the epoch whose weights were kept, {rule}.")
}

fn panel(curves: &[&TrainingCurve], depths: &[Option<usize>], (several, sections): (bool, bool), y: &Axis) -> Panel {
    let first = curves[0];
    let labels = first.fraction.map(|fraction| format!("{} of labels", words::share(fraction))).unwrap_or_default();
    let from = first.from.clone().unwrap_or_default();
    // The section, where it tells panels apart, names its pretraining run too.
    let of = if sections { &first.stage } else { &from };
    let heading = if several { joined(&[of, &labels, &without_seed(&first.variant)]) } else { String::new() };
    let seeds = curves.iter().filter(|curve| curve.depth == first.depth).count() > 1;
    let mut lines: Vec<Line> = Vec::new();
    for curve in curves {
        let at = depths.iter().position(|depth| *depth == curve.depth).unwrap_or(0);
        // Seeds share a color; only the first of them is named.
        let name = if curve.depth_label.is_empty() { curve.stage.clone() } else { curve.depth_label.clone() };
        let named = lines.iter().any(|line| line.name == name);
        let points: Vec<(f64, f64)> = curve.rows.iter().map(|row| (row.epoch, measured(row))).collect();
        let best = curve.best_epoch.and_then(|best| points.iter().find(|(epoch, _)| *epoch == best as f64)).copied();
        let color = style::color(at, depths.len());
        let line = Line::new(if named { String::new() } else { name }, color, points);
        lines.push(Line { best, ..if seeds { line.thin() } else { line } });
    }
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = Axis::epochs(points().map(|point| point.0));
    Panel { heading, x, y: y.clone(), lines, rules: Vec::new() }
}

fn measured(row: &CurveRow) -> f64 {
    row.selection_accuracy.unwrap_or(row.accuracy)
}
