//! The figures of the report, one file each: which data a figure shows, and what its caption says.

mod accuracy_by_depth;
mod comparison;
mod confusion;
mod depth_differences;
mod embedding;
mod label_efficiency;
mod learning_rate;
mod linear_eval_curves;
mod pretraining;
mod supervised_curves;
mod sweep;

use crate::base::Result;
use crate::render::charts::{Line, Rule};
use crate::render::data::{EvaluationKind, Report};
use crate::render::draw::{Drawing, canvas, style};
use crate::render::groups::{self, Group};
use crate::render::verdict::choice::subject;
use crate::render::words;

/// More series than this in one plot cannot be told apart.
const SERIES_AT_MOST: usize = 8;

/// Where on the page a figure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Accuracies.
    Results,
    /// Training over epochs.
    Training,
    /// Confusion matrices.
    Confusion,
    /// Features as points.
    Embedding,
}

/// A drawn figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Where it stands.
    pub(crate) section: Section,
    /// Name of its files below `plots/`.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    /// How to read it.
    pub(crate) caption: String,
    /// Without a background, for a page that has the font.
    pub(crate) svg: String,
    /// Double density, white behind.
    pub(crate) png: Vec<u8>,
    /// Too many shapes for SVG within a page.
    pub(crate) heavy: bool,
}

impl Figure {
    fn draw(section: Section, name: &str, title: &str, caption: String, drawing: &impl Drawing) -> Result<Self> {
        let (svg, png) = (canvas::svg(drawing, title)?, canvas::png(drawing)?);
        Ok(Self { section, name: name.into(), title: title.into(), caption, svg, png, heavy: false })
    }
}

/// Every figure that the report has data for.
pub(crate) fn all(report: &Report) -> Result<Vec<Figure>> {
    let groups = by_prominence(groups::by_seed(&report.results));
    let guessing = guessing(report);
    let mut figures = Vec::new();
    figures.extend(comparison::figure(&groups, guessing)?);
    figures.extend(accuracy_by_depth::figure(&groups, guessing)?);
    figures.extend(depth_differences::figure(&groups)?);
    figures.extend(label_efficiency::figure(&groups, guessing)?);
    figures.extend(sweep::figures(&groups)?);
    figures.extend(linear_eval_curves::figure(&report.curves)?);
    figures.extend(pretraining::figure(&report.curves)?);
    figures.extend(learning_rate::figure(&report.curves)?);
    figures.extend(supervised_curves::figure(&report.curves)?);
    figures.extend(confusion::figures(&groups)?);
    figures.extend(embedding::figures(&report.embeddings)?);
    Ok(figures)
}

/// The first depth of the run that validation chooses, then the baselines, then that run's other depths, then the rest,
/// each in the order of the file: where a figure has no place for all, it shows the first ones.
fn by_prominence(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let measured: Vec<&Group<'_>> = groups.iter().filter(|group| group.mean.is_finite()).collect();
    let chosen = subject(&measured).ok().map(|subject| subject.yardstick);
    let prominence = |group: &Group<'_>| {
        let is_chosen =
            chosen.is_some_and(|chosen| chosen.first().from == group.first().from && chosen.variant == group.variant);
        let is_first = chosen.is_some_and(|chosen| chosen.first().depth == group.first().depth);
        let is_scratch = group.first().kind == EvaluationKind::Supervised && group.first().from.is_none();
        match (is_chosen, is_scratch || group.first().is_untrained && is_first) {
            (true, _) if is_first => 0,
            (_, true) => 1,
            (true, _) => 2,
            (false, false) => 3,
        }
    };
    let order: Vec<u8> = groups.iter().map(prominence).collect();
    let mut ordered: Vec<(u8, Group<'_>)> = order.into_iter().zip(groups).collect();
    ordered.sort_by_key(|(prominence, _)| *prominence);
    ordered.into_iter().map(|(_, group)| group).collect()
}

/// The share of the most frequent class, where all results are on one test set.
fn guessing(report: &Report) -> Option<f64> {
    let mut sets = report.test_sets.values();
    let (only, None) = (sets.next()?, sets.next()) else { return None };
    let right = only.guessed.0.iter().filter(|&&right| right).count();
    (!only.guessed.0.is_empty()).then(|| right as f64 / only.guessed.0.len() as f64)
}

/// The level of guessing as a line across a panel.
fn guessing_rules(guessing: Option<f64>) -> Vec<Rule> {
    guessing.map(|y| Rule { y, text: format!("guessing {}", words::percent(y)) }).into_iter().collect()
}

/// What whiskers and rings mean, for a caption.
fn intervals_caption(groups: &[&Group<'_>]) -> String {
    let seeds = groups.iter().any(|group| group.results.len() > 1);
    let and_seeds = if seeds { " and over seeds" } else { "; another seed can differ by more" };
    format!("Whiskers are 95 % intervals over the images of the test set{and_seeds}. What differs is in Comparisons.")
}

/// What the rings are, for a caption.
fn singles_caption(groups: &[&Group<'_>]) -> &'static str {
    if groups.iter().any(|group| group.results.len() > 1) { " Rings are single seeds." } else { "" }
}

/// A marked line through groups, with their intervals and single seeds, at the place that `x` gives each.
fn line_of_groups(
    name: String,
    (at, count): (usize, usize),
    groups: &[&Group<'_>],
    x: impl Fn(&Group<'_>) -> f64,
) -> Line {
    let mut groups = groups.to_vec();
    groups.sort_by(|a, b| x(a).total_cmp(&x(b)));
    let points = groups.iter().map(|group| (x(group), group.mean)).collect();
    let several = groups.iter().filter(|group| group.results.len() > 1);
    let singles = several.flat_map(|group| group.results.iter().map(|result| (x(group), result.accuracy))).collect();
    let intervals = groups.iter().map(|group| group.interval).collect();
    let line = Line::new(name, style::color(at, count), points).dodged(at, count);
    Line { intervals, singles, marked: true, ..line }
}

/// All ends of the intervals of lines.
fn reach(lines: &[Line]) -> Vec<f64> {
    lines.iter().flat_map(|line| &line.intervals).flat_map(|(low, high)| [*low, *high]).collect()
}

/// Says that series were left out.
fn left_out_caption(shown: usize, of: usize, table: &str) -> String {
    if shown == of {
        return String::new();
    }
    format!(
        " Shown are {shown} of {of}, first those of the run that validation chooses and baselines; all are in tables/{table}."
    )
}

/// "stage, variant", without what is empty.
fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::EvaluationResult;

    #[test]
    fn baselines_come_before_the_many_depths_of_a_sweep() {
        let of = |kind, stage: &str, depth: Option<usize>, variant: &str, validation: f64| EvaluationResult {
            kind,
            stage: stage.into(),
            from: depth.map(|_| stage.to_owned()),
            depth,
            is_untrained: stage == "untrained",
            variant: variant.into(),
            accuracy: 1.0 - validation,
            validation_accuracy: Some(validation),
            ..EvaluationResult::default()
        };
        let linear = EvaluationKind::LinearEval;
        let results = [
            of(linear, "main", Some(0), "a", 0.4),
            of(linear, "main", Some(1), "a", 0.9),
            of(linear, "main", Some(0), "b", 0.5),
            of(linear, "main", Some(1), "b", 0.2),
            of(linear, "untrained", Some(0), "", 0.1),
            of(EvaluationKind::Supervised, "scratch", None, "", 0.3),
        ];
        let ordered = by_prominence(groups::by_seed(&results));
        let names =
            ordered.iter().map(|group| (group.first().stage.as_str(), group.first().depth, group.variant.as_str()));
        let wanted = [
            ("main", Some(0), "b"),
            ("untrained", Some(0), ""),
            ("scratch", None, ""),
            ("main", Some(1), "b"),
            ("main", Some(0), "a"),
            ("main", Some(1), "a"),
        ];
        assert_eq!(names.collect::<Vec<_>>(), wanted);
    }
}
