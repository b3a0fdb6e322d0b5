//! Cosine similarities of positive and negative pairs, as histograms.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries, Look};
use crate::render::data::{Report, SimilarityRow};
use crate::render::draw::{Axis, Dash, Ink};
use crate::render::groups::Group;
use crate::render::plots::{Figure, Section};
use crate::render::similarities;

pub(crate) fn figure(report: &Report, groups: &[Group<'_>]) -> Result<Option<Figure>> {
    let shown = similarities::shown(report, groups);
    if shown.iter().all(|row| row.positives.is_empty()) {
        return Ok(None);
    }
    let untrained = similarities::untrained(report, &shown);
    let of_run = |rows: &[&SimilarityRow], name: &str| {
        rows.iter().map(|row| panel(format!("{}, {name}", row.depth_label), row)).collect::<Vec<_>>()
    };
    let panels = [of_run(&shown, &shown[0].run), of_run(&untrained, "untrained")].concat();
    let pairs: usize = shown[0].positives.iter().sum();
    let caption = format!(
        "Positive pairs are two views of an image, negative pairs are views of two images; {pairs} positive pairs. \
         NT-Xent pulls the positive pairs of the last layer to 1 and pushes its negative pairs away. Fraction of the pairs \
         per {} of similarity.",
        2.0 / shown[0].positives.len().max(1) as f64
    );
    let title = "Cosine similarity of positive and negative pairs";
    Figure::draw(Section::Pairs, "pair-similarities", title, caption, &LineChart::grid(panels)).map(Some)
}

fn panel(heading: String, row: &SimilarityRow) -> LinePanel {
    let line = |name: &str, look, counts: &[usize]| {
        let total = counts.iter().sum::<usize>().max(1) as f64;
        let middle = |bin: usize| -1.0 + (2 * bin + 1) as f64 / counts.len() as f64;
        let points = counts.iter().enumerate().map(|(bin, count)| (middle(bin), *count as f64 / total)).collect();
        LineSeries::new(name, look, points)
    };
    let lines = vec![
        line("positive pairs", Look::new(Ink::Run(1)), &row.positives),
        line("negative pairs", Look { dash: Dash::Dashed, ..Look::new(Ink::Muted) }, &row.negatives),
    ];
    let shares: Vec<f64> = lines.iter().flat_map(|line| &line.points).map(|point| point.1).collect();
    let ticks = [-1.0_f64, -0.5, 0.0, 0.5, 1.0].map(|value| (value, format!("{value:.1}").replace('-', "\u{2212}")));
    let x = Axis::at_values("Cosine similarity", ticks.into());
    LinePanel { heading, x, y: Axis::from_zero("Fraction of the pairs", shares), lines, reference_lines: Vec::new() }
}
