//! Learning rate of pretraining, step by step.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries};
use crate::render::data::{CurveKind, TrainingCurve};
use crate::render::draw::Axis;
use crate::render::groups::group_by;
use crate::render::plots::looks::run_look;
use crate::render::plots::{Figure, MAX_SERIES, Section, first_caption, pretraining};

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let pretraining: Vec<&TrainingCurve> =
        curves.iter().filter(|curve| curve.kind == CurveKind::Pretrain && !curve.rows.is_empty()).collect();
    let runs = pretraining::runs(&pretraining);
    let names = pretraining::names(&runs);
    // Runs with the same schedule share a line, that of the first of them.
    let rates: Vec<Vec<(f64, f64)>> = runs.iter().map(|(_, curves)| learning_rates(curves[0])).collect();
    let mut schedules = group_by(0..runs.len(), |&run| rates[run].clone());
    if schedules.is_empty() {
        return Ok(None);
    }
    let all = schedules.len();
    schedules.truncate(MAX_SERIES);
    let count = schedules.len();
    let line = |(points, members): &(Vec<(f64, f64)>, Vec<usize>)| {
        let name = match members.len() {
            _ if count < 2 => String::new(),
            1 => names.each[members[0]].clone(),
            several => format!("{} and {} more", names.each[members[0]], several - 1),
        };
        LineSeries::new(name, run_look(members[0], runs.len()), points.clone())
    };
    let lines: Vec<LineSeries> = schedules.iter().map(line).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::linear("Learning rate", points().map(|point| point.1).chain([0.0]).collect::<Vec<_>>());
    let x = Axis::epochs(points().map(|point| point.0));
    let chart = LineChart {
        height: 170.0,
        ..LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: Vec::new() })
    };
    let by_step = pretraining.iter().all(|curve| !curve.learning_rates.is_empty());
    let when = if by_step { "over the steps" } else { "at the end of each epoch" };
    let caption = format!("Learning rate of pretraining {when}.{}", first_caption(count, all));
    Figure::draw(Section::Training, "learning-rate", "Learning rate", caption, &chart).map(Some)
}

/// Returns the learning rates over the steps if they are known, else those at the ends of epochs.
fn learning_rates(curve: &TrainingCurve) -> Vec<(f64, f64)> {
    if curve.learning_rates.is_empty() {
        return curve.rows.iter().map(|row| (row.epoch, row.learning_rate)).collect();
    }
    curve.learning_rates.clone()
}
