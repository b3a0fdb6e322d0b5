//! The learning rate over epochs.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::data::{CurveKind, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{gathered, without_seed};
use crate::render::plots::{Figure, SERIES_AT_MOST, Section, joined, left_out_caption};

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let pretraining = curves.iter().filter(|curve| curve.kind == CurveKind::Pretrain && !curve.rows.is_empty());
    // Runs with one schedule are one line.
    let mut schedules =
        gathered(pretraining, |curve| curve.rows.iter().map(|row| (row.epoch, row.learning_rate)).collect::<Vec<_>>());
    if schedules.is_empty() {
        return Ok(None);
    }
    let all = schedules.len();
    schedules.truncate(SERIES_AT_MOST);
    let count = schedules.len();
    let lines: Vec<Line> = schedules
        .iter()
        .enumerate()
        .map(|(at, (points, curves))| {
            let named = joined(&[&curves[0].stage, &without_seed(&curves[0].variant)]);
            Line::new(if count > 1 { named } else { String::new() }, style::color(at, count), points.clone())
        })
        .collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::linear("Learning rate", points().map(|point| point.1).chain([0.0]).collect::<Vec<_>>());
    let x = Axis::epochs(points().map(|point| point.0));
    let chart = LineChart {
        height: 170.0,
        ..LineChart::single(Panel { heading: String::new(), x, y, lines, rules: Vec::new() })
    };
    let caption = "Pretraining, at the end of each epoch.".to_owned() + &left_out_caption(count, all, "curves.csv");
    Figure::draw(Section::Training, "learning-rate", "Learning rate", caption, &chart).map(Some)
}
