//! NT-Xent loss with its chance level, and contrastive accuracy, over epochs.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel, Rule};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, style};
use crate::render::groups::{gathered, without_seed};
use crate::render::plots::{Figure, SERIES_AT_MOST, Section, joined};
use crate::render::words;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let pretraining: Vec<&TrainingCurve> =
        curves.iter().filter(|curve| curve.kind == CurveKind::Pretrain && !curve.rows.is_empty()).collect();
    if pretraining.is_empty() {
        return Ok(None);
    }
    let runs = gathered(pretraining.iter().copied(), |curve| (curve.stage.clone(), without_seed(&curve.variant)));
    let many = runs.len() > SERIES_AT_MOST;
    let panels = vec![
        loss_panel(lines(&runs, |row| row.loss), common_chance(&pretraining)),
        accuracy_panel(lines(&runs, |row| row.accuracy), common_chance(&pretraining)),
    ];
    let mut caption =
        "Contrastive accuracy: how often the other view of an image is the most similar of all views in the \
         batch. Chance is ln(2N − 1) for the loss of N pairs, and 1 / (2N − 1) for the accuracy."
            .to_owned();
    if many {
        caption += &format!(" Of {} runs, those with the lowest and the highest final loss are colored.", runs.len());
    }
    Figure::draw(Section::Training, "pretraining", "Contrastive pretraining", caption, &LineChart::grid(panels))
        .map(Some)
}

type Runs<'a> = [((String, String), Vec<&'a TrainingCurve>)];

fn lines(runs: &Runs<'_>, value: impl Fn(&CurveRow) -> f64) -> Vec<Line> {
    let several_stages = gathered(runs.iter(), |((stage, _), _)| stage.clone()).len() > 1;
    let many = runs.len() > SERIES_AT_MOST;
    let ends = ends(runs);
    let mut lines = Vec::new();
    for (at, ((stage, variant), curves)) in runs.iter().enumerate() {
        let end = ends.iter().position(|end| *end == Some(at));
        let color = match end {
            Some(end) if many => style::PALETTE[end],
            None if many => style::MUTED,
            _ => style::color(at, runs.len()),
        };
        let name = if several_stages || variant.is_empty() { joined(&[stage, variant]) } else { variant.clone() };
        let named = runs.len() > 1 && (!many || end.is_some());
        for (seed, curve) in curves.iter().enumerate() {
            let name = if named && seed == 0 { name.clone() } else { String::new() };
            let line = Line::new(name, color, curve.rows.iter().map(|row| (row.epoch, value(row))).collect());
            lines.push(if many && end.is_none() { line.faint() } else { thin_if(line, curves.len() > 1) });
        }
    }
    lines
}

fn thin_if(line: Line, seeds: bool) -> Line {
    if seeds { line.thin() } else { line }
}

/// The runs whose first seed ends with the lowest and the highest loss.
fn ends(runs: &Runs<'_>) -> [Option<usize>; 2] {
    let last = |curves: &[&TrainingCurve]| curves[0].rows.last().map_or(f64::NAN, |row| row.loss);
    let finals = || runs.iter().map(|(_, curves)| last(curves)).enumerate().filter(|(_, last)| last.is_finite());
    let lowest = finals().min_by(|a, b| a.1.total_cmp(&b.1));
    let highest = finals().max_by(|a, b| a.1.total_cmp(&b.1));
    [lowest, highest].map(|end| end.map(|(at, _)| at))
}

/// The chance loss if all runs agree on it.
fn common_chance(curves: &[&TrainingCurve]) -> Option<f64> {
    let first = curves[0].chance.filter(|chance| chance.is_finite())?;
    curves.iter().all(|curve| curve.chance == Some(first)).then_some(first)
}

fn loss_panel(lines: Vec<Line>, chance: Option<f64>) -> Panel {
    let rules: Vec<Rule> =
        chance.into_iter().map(|y| Rule { y, text: format!("chance, {}", words::trimmed(y, 3)) }).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::linear("NT-Xent loss (nats)", points().map(|point| point.1).chain(chance).collect::<Vec<_>>());
    Panel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, rules }
}

fn accuracy_panel(lines: Vec<Line>, chance: Option<f64>) -> Panel {
    let guess = chance.map(|loss| (-loss).exp());
    let rules: Vec<Rule> =
        guess.into_iter().map(|y| Rule { y, text: format!("chance, {}", words::percent(y)) }).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let y = Axis::from_zero("Contrastive accuracy", points().map(|point| point.1).collect::<Vec<_>>());
    Panel { heading: String::new(), x: Axis::epochs(points().map(|point| point.0)), y, lines, rules }
}
