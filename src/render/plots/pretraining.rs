//! Contrastive loss and accuracy of pretraining by epoch, with their chance levels.

use crate::base::{Result, human};
use crate::render::charts::{LineChart, LinePanel, LineSeries, Look, ReferenceLine};
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::render::draw::{Axis, Ink};
use crate::render::groups::{group_by, without_seed};
use crate::render::plots::looks::run_look;
use crate::render::plots::{Figure, MAX_SERIES, Names, Section};
use crate::render::words;

pub(crate) fn figure(curves: &[TrainingCurve]) -> Result<Option<Figure>> {
    let pretraining: Vec<&TrainingCurve> =
        curves.iter().filter(|curve| curve.kind == CurveKind::Pretrain && !curve.rows.is_empty()).collect();
    if pretraining.is_empty() {
        return Ok(None);
    }
    let runs = runs(&pretraining);
    let many = runs.len() > MAX_SERIES;
    let panels = vec![loss_panel(lines(&runs, |row| row.loss), &pretraining), accuracy_panel(&runs, &pretraining)];
    let mut caption = caption(&pretraining) + &names(&runs).caption();
    if many {
        caption +=
            &format!(" Of {} runs, the ones with the lowest and the highest final loss are colored.", runs.len());
    }
    Figure::draw(Section::Training, "pretraining", "Contrastive pretraining", caption, &LineChart::grid(panels))
        .map(Some)
}

type Runs<'a> = Vec<((String, String), Vec<&'a TrainingCurve>)>;

/// Groups curves of pretraining by run, with all of its seeds.
pub(super) fn runs<'a>(curves: &[&'a TrainingCurve]) -> Runs<'a> {
    group_by(curves.iter().copied(), |curve| (curve.stage.clone(), without_seed(&curve.variant)))
}

/// Returns the names of runs: stage and variant.
pub(super) fn names(runs: &Runs<'_>) -> Names {
    Names::of(runs.iter().map(|((stage, variant), _)| words::join_nonempty(&[stage, variant])).collect())
}

/// Returns the x of the rows of a curve as numbers of steps; empty if unknown.
fn steps(curve: &TrainingCurve) -> Vec<f64> {
    let per_epoch = curve.steps_per_epoch.into_iter();
    per_epoch.flat_map(|steps| curve.rows.iter().map(move |row| row.epoch * steps as f64)).collect()
}

/// Returns the name of the stage of a curve in the graph.
fn stage(curve: &TrainingCurve) -> String {
    let TrainingCurve { stage, variant, .. } = curve;
    if variant.is_empty() { stage.clone() } else { format!("{stage}[{variant}]") }
}

fn lines(runs: &Runs<'_>, value: impl Fn(&CurveRow) -> f64) -> Vec<LineSeries> {
    let many = runs.len() > MAX_SERIES;
    let (extremes, names) = (extremes(runs), names(runs));
    let mut lines = Vec::new();
    for (at, (_, curves)) in runs.iter().enumerate() {
        let extreme = extremes.iter().position(|extreme| *extreme == Some(at));
        let look = match extreme {
            Some(extreme) if many => run_look(extreme, 2),
            None if many => Look::new(Ink::Muted),
            _ => run_look(at, runs.len()),
        };
        let named = runs.len() > 1 && (!many || extreme.is_some());
        for (seed, curve) in curves.iter().enumerate() {
            let name = if named && seed == 0 { names.each[at].clone() } else { String::new() };
            let points = curve.rows.iter().map(|row| (row.epoch, value(row))).collect();
            let line = LineSeries { steps: steps(curve), stage: stage(curve), ..LineSeries::new(name, look, points) };
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
