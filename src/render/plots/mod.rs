//! The figures of the report, one file each: their data and captions.

mod accuracy_by_depth;
mod comparison;
pub(crate) mod confusion;
mod depth_differences;
pub(crate) mod embedding;
mod label_efficiency;
mod learning_rate;
mod linear_eval_curves;
mod looks;
mod names;
mod pretraining;
mod similarities;
mod supervised_curves;
mod sweep;

use crate::base::Result;
use crate::render::charts::{LineSeries, Look, ReferenceLine};
use crate::render::data::{EvaluationKind, Report};
use crate::render::draw::canvas::{self, Rendered};
use crate::render::draw::{Dash, Drawing};
use crate::render::groups::{self, Group};
use crate::render::verdict::selection::{is_of_run, selected_group};
use crate::render::words;
use names::Names;
use rayon::prelude::*;

/// Maximum number of series per plot that readers can distinguish.
const MAX_SERIES: usize = 8;
/// Maximum number of baselines per plot.
const MAX_BASELINES: usize = 6;

/// The section of the page that a figure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Accuracies.
    Results,
    /// Accuracies by swept setting.
    Sweep,
    /// Training curves.
    Training,
    /// Confusion matrices.
    Confusion,
    /// Embeddings of features.
    Embedding,
    /// Similarities of pairs of views.
    Pairs,
}

/// A rendered figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Section of the page.
    pub(crate) section: Section,
    /// Name of its files below `plots/`, and of its place on the page.
    pub(crate) name: String,
    /// Title.
    pub(crate) title: String,
    /// Caption.
    pub(crate) caption: String,
    /// The figure in every format.
    pub(crate) rendered: Rendered,
}

impl Figure {
    fn draw(section: Section, name: &str, title: &str, caption: String, drawing: &impl Drawing) -> Result<Self> {
        let rendered = canvas::render(drawing, title)?;
        Ok(Self { section, name: name.into(), title: title.into(), caption, rendered })
    }
}

/// Renders every figure that the report has data for, by all threads.
pub(crate) fn all(report: &Report) -> Result<Vec<Figure>> {
    let groups = &by_prominence(groups::over_seeds(&report.results));
    let majority = majority_rate(report);
    let classes = &class_order(report);
    let one = |figure: Result<Option<Figure>>| figure.map(|figure| figure.into_iter().collect::<Vec<_>>());
    let kinds: &[&(dyn Fn() -> Result<Vec<Figure>> + Sync)] = &[
        &|| one(comparison::figure(groups, majority)),
        &|| one(accuracy_by_depth::figure(groups, majority)),
        &|| one(depth_differences::figure(groups)),
        &|| one(label_efficiency::figure(groups, majority)),
        &|| sweep::figures(groups, majority),
        &|| one(linear_eval_curves::figure(&report.curves)),
        &|| one(pretraining::figure(&report.curves)),
        &|| one(learning_rate::figure(&report.curves)),
        &|| one(supervised_curves::figure(&report.curves)),
        &|| confusion::figures(groups),
        &|| embedding::figures(&report.embeddings, groups, classes),
        &|| one(similarities::figure(report, groups)),
    ];
    let figures: Vec<Vec<Figure>> = kinds.par_iter().map(|figures| figures()).collect::<Result<_>>()?;
    let mut figures: Vec<Figure> = figures.into_iter().flatten().collect();
    names::make_distinct(figures.iter_mut().map(|figure| &mut figure.name));
    Ok(figures)
}

/// Returns the names of the classes in the order of the data sets.
fn class_order(report: &Report) -> Vec<&str> {
    report.datasets.iter().flat_map(|set| &set.classes).map(|class| class.name.as_str()).collect()
}

/// Orders groups for figures that cannot show all of them: the first depth of the run selected by validation, then the
/// baselines, then the other depths of that run, then the rest, each in the order of the pipeline file.
fn by_prominence(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let selected = selected_group(&groups);
    let prominence = |group: &Group<'_>| {
        let is_selected = selected.is_some_and(|selected| is_of_run(selected, group));
        let is_first = selected.is_some_and(|selected| selected.first().depth == group.first().depth);
        let is_scratch = group.first().kind == EvaluationKind::Supervised && group.first().from.is_none();
        match (is_selected, is_scratch || group.first().is_untrained && is_first) {
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

/// Returns the accuracy of the majority-class baseline if all results share one test set.
fn majority_rate(report: &Report) -> Option<f64> {
    let mut sets = report.test_sets.values();
    let (only, None) = (sets.next()?, sets.next()) else { return None };
    let right = only.guessed.0.iter().filter(|&&right| right).count();
    (!only.guessed.0.is_empty()).then(|| right as f64 / only.guessed.0.len() as f64)
}

/// Returns the accuracy of the majority-class baseline as a reference line.
fn majority_line(majority: Option<f64>) -> Vec<ReferenceLine> {
    majority.map(|y| ReferenceLine { y, text: format!("majority class: {}", words::percent(y)) }).into_iter().collect()
}

/// Explains the whiskers in a caption.
fn intervals_caption(groups: &[&Group<'_>]) -> String {
    let seeds = groups.iter().any(|group| group.results.len() > 1);
    let and_seeds = if seeds { " and seeds" } else { "; results with another seed can differ by more" };
    format!("Whiskers are 95 % confidence intervals over test images{and_seeds}. For differences, see Comparisons.")
}

/// Explains the rings in a caption.
fn singles_caption(groups: &[&Group<'_>]) -> &'static str {
    if groups.iter().any(|group| group.results.len() > 1) { " Rings are individual seeds." } else { "" }
}

/// Returns a marked line through groups, with intervals and individual seeds, at the positions given by `x`.
fn line_of_groups(
    name: String,
    look: Look,
    (at, count): (usize, usize),
    groups: &[&Group<'_>],
    x: impl Fn(&Group<'_>) -> f64,
) -> LineSeries {
    let mut groups = groups.to_vec();
    groups.sort_by(|a, b| x(a).total_cmp(&x(b)));
    let points = groups.iter().map(|group| (x(group), group.mean)).collect();
    let several = groups.iter().filter(|group| group.results.len() > 1);
    let singles = several.flat_map(|group| group.results.iter().map(|result| (x(group), result.accuracy))).collect();
    let intervals = groups.iter().map(|group| group.interval).collect();
    let line = LineSeries::new(name, look, points).dodged(at, count);
    LineSeries { intervals, singles, marked: true, ..line }
}

/// Keeps the first series, [`MAX_SERIES`] with the baselines among them, and up to [`MAX_BASELINES`] of those.
fn keep_prominent<T>(series: &mut Vec<T>, group: impl Fn(&T) -> &Group<'_>) {
    let is_baseline = |series: &T| {
        let result = group(series).first();
        let is_scratch = result.kind == EvaluationKind::Supervised && result.from.is_none();
        is_scratch || result.is_untrained && result.depth.is_none_or(|depth| depth == 0)
    };
    let all = series.iter().filter(|series| is_baseline(series)).count();
    let mut baselines = all.min(MAX_BASELINES);
    let mut others = MAX_SERIES - baselines;
    series.retain(|series| {
        let left = if is_baseline(series) { &mut baselines } else { &mut others };
        let is_kept = *left > 0;
        *left -= usize::from(is_kept);
        is_kept
    });
}

/// Returns the lines of series of groups at positions, then horizontal lines at the accuracies of baselines from end to end
/// of the horizontal axis; `names` and `looks` are of the series and the baselines in turn.
fn lines_of_series(
    series: &[&[&Group<'_>]],
    baselines: &[&Group<'_>],
    (names, looks): (&dyn Fn(usize) -> String, &[Look]),
    ends: [f64; 2],
    position: impl Fn(&Group<'_>) -> f64,
) -> Vec<LineSeries> {
    let count = series.len();
    let line = |at: usize| line_of_groups(names(at), looks[at], (at, count), series[at], &position);
    let baseline =
        |(at, group): (usize, &&Group<'_>)| baseline_line(&names(count + at), at, looks[count + at], group.mean, ends);
    (0..count).map(line).chain(baselines.iter().enumerate().map(baseline)).collect()
}

/// Returns a horizontal line at the accuracy of a baseline, from end to end of the horizontal axis.
fn baseline_line(name: &str, at: usize, look: Look, accuracy: f64, ends: [f64; 2]) -> LineSeries {
    let name = format!("{name}: {}", words::percent(accuracy));
    // An untrained encoder stays dotted.
    let dash = if look.dash == Dash::Dotted { look.dash } else { [Dash::Dashed, Dash::Alternating][at % 2] };
    LineSeries::new(name, Look { dash, ..look }, ends.map(|x| (x, accuracy)).to_vec()).thin()
}

/// Returns both ends of all intervals of the lines.
fn interval_ends(lines: &[LineSeries]) -> Vec<f64> {
    lines.iter().flat_map(|line| &line.intervals).flat_map(|(low, high)| [*low, *high]).collect()
}

/// States in a caption that training curves are omitted; empty if none are.
fn first_caption(shown: usize, of: usize) -> String {
    if shown == of {
        String::new()
    } else {
        format!(" The first {shown} of {of} are shown; tables/curves.csv has all.")
    }
}

/// States in a caption that series are omitted; empty if none are.
fn omitted_caption(shown: usize, of: usize, table: &str) -> String {
    if shown == of {
        return String::new();
    }
    format!(
        " {shown} of {of} are shown, the run selected by validation and the baselines first; tables/{table} has all."
    )
}

#[cfg(test)]
mod tests;
