//! Contrastive loss and accuracy of pretraining by epoch, with their chance levels.

use crate::base::{Result, human};
use crate::render::charts::{LineChart, LinePanel, LineSeries, ReferenceLine};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{group_by, without_seed};
use crate::render::plots::{Figure, MAX_SERIES, Section, join_nonempty};
use crate::render::words;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let pretraining: Vec<&TrainingCurve> =
        curves.iter().filter(|curve| curve.kind == CurveKind::Pretrain && !curve.rows.is_empty()).collect();
    if pretraining.is_empty() {
        return Ok(None);
    }
    let runs = group_by(pretraining.iter().copied(), |curve| (curve.stage.clone(), without_seed(&curve.variant)));
    let many = runs.len() > MAX_SERIES;
    let panels = vec![loss_panel(lines(&runs, |row| row.loss), &pretraining), accuracy_panel(&runs, &pretraining)];
    let mut caption = caption(&pretraining);
    if many {
        caption +=
            &format!(" Of {} runs, the ones with the lowest and the highest final loss are colored.", runs.len());
    }
    Figure::draw(Section::Training, "pretraining", "Contrastive pretraining", caption, &LineChart::grid(panels))
        .map(Some)
}

type Runs<'a> = [((String, String), Vec<&'a TrainingCurve>)];

fn lines(runs: &Runs<'_>, value: impl Fn(&CurveRow) -> f64) -> Vec<LineSeries> {
    let several_stages = group_by(runs.iter(), |((stage, _), _)| stage.clone()).len() > 1;
    let many = runs.len() > MAX_SERIES;
    let extremes = extremes(runs);
    let mut lines = Vec::new();
    for (at, ((stage, variant), curves)) in runs.iter().enumerate() {
        let extreme = extremes.iter().position(|extreme| *extreme == Some(at));
        let color = match extreme {
            Some(extreme) if many => style::PALETTE[extreme],
            None if many => style::MUTED,
            _ => style::color(at, runs.len()),
        };
        let name =
            if several_stages || variant.is_empty() { join_nonempty(&[stage, variant]) } else { variant.clone() };
        let named = runs.len() > 1 && (!many || extreme.is_some());
        for (seed, curve) in curves.iter().enumerate() {
            let name = if named && seed == 0 { name.clone() } else { String::new() };
            let line = LineSeries::new(name, color, curve.rows.iter().map(|row| (row.epoch, value(row))).collect());
            lines.push(if many && extreme.is_none() { line.faint() } else { thin_if(line, curves.len() > 1) });
        }
    }
    lines
}

fn thin_if(line: LineSeries, seeds: bool) -> LineSeries {
    if seeds { line.thin() } else { line }
}

/// Returns the runs whose first seed has the lowest and the highest final loss.
fn extremes(runs: &Runs<'_>) -> [Option<usize>; 2] {
    let last = |curves: &[&TrainingCurve]| curves[0].rows.last().map_or(f64::NAN, |row| row.loss);
    let finals = || runs.iter().map(|(_, curves)| last(curves)).enumerate().filter(|(_, last)| last.is_finite());
    let lowest = finals().min_by(|a, b| a.1.total_cmp(&b.1));
    let highest = finals().max_by(|a, b| a.1.total_cmp(&b.1));
    [lowest, highest].map(|extreme| extreme.map(|(at, _)| at))
}

/// Returns a value that all runs have in common.
fn common<'a, T: PartialEq>(curves: &[&'a TrainingCurve], value: impl Fn(&'a TrainingCurve) -> Option<T>) -> Option<T> {
    let first = value(curves[0])?;
    curves.iter().all(|curve| value(curve).as_ref() == Some(&first)).then_some(first)
}

fn caption(curves: &[&TrainingCurve]) -> String {
    let of_loss = common(curves, |curve| curve.chance_formula.as_deref());
    let of_loss = of_loss.map(|formula| format!("{formula} for the loss, ")).unwrap_or_default();
    format!(
        "Contrastive accuracy is the fraction of views whose positive is the most similar of the 2N − 1 other views in \
         a batch of N pairs. Chance level: {of_loss}1 / (2N − 1) for the accuracy."
    )
}

fn loss_panel(lines: Vec<LineSeries>, curves: &[&TrainingCurve]) -> LinePanel {
    let chance = common(curves, |curve| curve.chance.filter(|chance| chance.is_finite()));
    let reference_lines: Vec<ReferenceLine> =
        chance.into_iter().map(|y| ReferenceLine { y, text: format!("chance: {}", human::trimmed(y, 3)) }).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let title = common(curves, |curve| Some(curve.loss.as_str()).filter(|title| !title.is_empty()));
    let values: Vec<f64> = points().map(|point| point.1).chain(chance).collect();
    let y = Axis::linear(title.unwrap_or("Contrastive loss"), values);
    LinePanel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, reference_lines }
}

fn accuracy_panel(runs: &Runs<'_>, curves: &[&TrainingCurve]) -> LinePanel {
    let lines = lines(runs, |row| row.accuracy);
    let rate = common(curves, |curve| curve.chance_accuracy);
    let reference_lines: Vec<ReferenceLine> =
        rate.into_iter().map(|y| ReferenceLine { y, text: format!("chance: {}", words::percent(y)) }).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::from_zero("Contrastive accuracy", points().map(|point| point.1).collect::<Vec<_>>());
    LinePanel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, reference_lines }
}
