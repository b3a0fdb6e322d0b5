//! Images with augmented views and their similarities, and the similarities of all pairs.

use crate::base::Result;
use crate::render::data::{PairCosines, PairsImage, SimilarityRow};
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::FigureView;
use crate::render::pairs::PairsLayout;
use crate::render::{plots, similarities, words};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/pairs.html");

#[derive(Serialize)]
struct Pairs<'a> {
    figures: Vec<FigureView<'a>>,
    policies: Vec<Policy<'a>>,
}

/// Augmented images of a policy.
#[derive(Serialize)]
struct Policy<'a> {
    name: &'a str,
    /// The run and the depths that measured the similarities; empty without.
    run: &'a str,
    depths: Vec<&'a str>,
    /// Width and height of the grid.
    size: (u32, u32),
    /// The grid as PNG in Base64.
    png: String,
    /// Numbers of the views.
    views: Vec<usize>,
    rows: Vec<Row>,
}

/// An image with its views.
#[derive(Serialize)]
struct Row {
    /// Left, top, width and height on the grid.
    place: [u32; 4],
    /// Similarity of positive and negative pair by depth.
    cosines: Vec<(String, String)>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let shown = similarities::shown(content.report, &content.groups);
    let policies: Vec<Policy<'_>> = one_of_each_policy(content, &shown).map(|pairs| policy(pairs, &shown)).collect();
    let figures = content.figures(plots::Section::Pairs);
    if policies.is_empty() && figures.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![
        section("pairs", "Positive and negative pairs", TEMPLATE, Pairs { figures, policies })?
            .folded_if(content.is_large_sweep()),
    ])
}

/// Returns the images of each policy: those of the shown run, or else the first of a sweep.
fn one_of_each_policy<'a>(
    content: &Content<'a>,
    shown: &[&SimilarityRow],
) -> impl Iterator<Item = &'a PairsImage> + use<'a> {
    let mut of_policy: Vec<&'a PairsImage> = Vec::new();
    for pairs in &content.report.pairs {
        let is_shown = shown.iter().any(|row| row.pairs == pairs.key);
        match of_policy.iter_mut().find(|other| other.policy == pairs.policy) {
            Some(other) if is_shown => *other = pairs,
            Some(_) => {}
            None => of_policy.push(pairs),
        }
    }
    of_policy.into_iter()
}

fn policy<'a>(pairs: &'a PairsImage, shown: &[&'a SimilarityRow]) -> Policy<'a> {
    let measured: Vec<&SimilarityRow> =
        shown.iter().copied().filter(|row| row.pairs == pairs.key && !row.examples.is_empty()).collect();
    let count = measured.first().map_or(0, |row| row.examples.len());
    let layout = PairsLayout::new(count, pairs.views, pairs.side);
    let rows = (0..count).map(|at| Row {
        place: layout.row(at),
        cosines: measured.iter().filter_map(|row| row.examples.get(at)).map(text).collect(),
    });
    Policy {
        name: &pairs.policy,
        run: measured.first().map_or("", |row| &row.run),
        depths: measured.iter().map(|row| row.depth_label.as_str()).collect(),
        size: layout.size(),
        png: pairs.png.base64(),
        views: (1..=pairs.views).collect(),
        rows: rows.collect(),
    }
}

fn text(cosines: &PairCosines) -> (String, String) {
    let text = |value: f32| words::signed_decimals(f64::from(value), 2);
    (text(cosines.positive), text(cosines.negative))
}
