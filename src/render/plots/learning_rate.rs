//! Learning rate of pretraining by epoch.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries};
use crate::render::data::{CurveKind, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{group_by, without_seed};
use crate::render::plots::{Figure, MAX_SERIES, Section, join_nonempty, omitted_caption};

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let pretraining = curves.iter().filter(|curve| curve.kind == CurveKind::Pretrain && !curve.rows.is_empty());
    // Runs with the same schedule share a line.
    let mut schedules =
        group_by(pretraining, |curve| curve.rows.iter().map(|row| (row.epoch, row.learning_rate)).collect::<Vec<_>>());
    if schedules.is_empty() {
        return Ok(None);
    }
    let all = schedules.len();
    schedules.truncate(MAX_SERIES);
    let count = schedules.len();
    let lines: Vec<LineSeries> = schedules
        .iter()
        .enumerate()
        .map(|(at, (points, curves))| {
            let named = join_nonempty(&[&curves[0].stage, &without_seed(&curves[0].variant)]);
            LineSeries::new(if count > 1 { named } else { String::new() }, style::color(at, count), points.clone())
        })
        .collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::linear("Learning rate", points().map(|point| point.1).chain([0.0]).collect::<Vec<_>>());
    let x = Axis::epochs(points().map(|point| point.0));
    let chart = LineChart {
        height: 170.0,
        ..LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: Vec::new() })
    };
    let caption = "Learning rate of pretraining at the end of each epoch.".to_owned()
        + &omitted_caption(count, all, "curves.csv");
    Figure::draw(Section::Training, "learning-rate", "Learning rate", caption, &chart).map(Some)
}
