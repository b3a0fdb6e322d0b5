//! NT-Xent loss and contrastive accuracy of pretraining by epoch, with their chance levels.

use crate::base::Result;
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
    let panels = vec![
        loss_panel(lines(&runs, |row| row.loss), common_chance(&pretraining)),
        accuracy_panel(lines(&runs, |row| row.accuracy), common_chance(&pretraining)),
    ];
    let mut caption =
        "Contrastive accuracy is the fraction of views whose positive is the most similar of the 2N − 1 other views in \
         a batch of N pairs. Chance level: ln(2N − 1) for the loss, 1 / (2N − 1) for the accuracy."
            .to_owned();
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

/// Returns the chance level of the loss if it is the same for all runs.
fn common_chance(curves: &[&TrainingCurve]) -> Option<f64> {
    let first = curves[0].chance.filter(|chance| chance.is_finite())?;
    curves.iter().all(|curve| curve.chance == Some(first)).then_some(first)
}

fn loss_panel(lines: Vec<LineSeries>, chance: Option<f64>) -> LinePanel {
    let reference_lines: Vec<ReferenceLine> =
        chance.into_iter().map(|y| ReferenceLine { y, text: format!("chance: {}", words::trimmed(y, 3)) }).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::linear("NT-Xent loss (nats)", points().map(|point| point.1).chain(chance).collect::<Vec<_>>());
    LinePanel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, reference_lines }
}

fn accuracy_panel(lines: Vec<LineSeries>, chance: Option<f64>) -> LinePanel {
    let rate = chance.map(|loss| (-loss).exp());
    let reference_lines: Vec<ReferenceLine> =
        rate.into_iter().map(|y| ReferenceLine { y, text: format!("chance: {}", words::percent(y)) }).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::from_zero("Contrastive accuracy", points().map(|point| point.1).collect::<Vec<_>>());
    LinePanel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, reference_lines }
}
