//! Images where they explain a result: confident mistakes and nearest neighbors.

use crate::base::Result;
use crate::render::data::{EvaluationResult, SimilarityRow};
use crate::render::page::section::{Content, Section, section};
use crate::render::page::sprites::Thumb;
use crate::render::plots::confusion;
use crate::render::similarities;
use crate::render::words::{self, Naming};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/images.html");
/// Maximum number of mistakes of an evaluation.
const MAX_MISTAKES: usize = 12;

#[derive(Serialize)]
struct Images {
    mistakes: Vec<Mistakes>,
    neighbors: Vec<NeighborTable>,
    /// States which images were sampled, if not all have a thumbnail.
    sampled: String,
}

/// The most confident mistakes of an evaluation.
#[derive(Serialize)]
struct Mistakes {
    evaluation: String,
    rows: Vec<MistakeView>,
}

#[derive(Serialize)]
struct MistakeView {
    thumb: Thumb,
    class: String,
    predicted: String,
    confidence: String,
}

/// Nearest neighbors in one data set: a row for each image, a group of columns for each depth.
#[derive(Serialize)]
struct NeighborTable {
    run: String,
    depths: Vec<String>,
    rows: Vec<NeighborRow>,
}

#[derive(Serialize)]
struct NeighborRow {
    image: Thumb,
    by_depth: Vec<Vec<Neighbor>>,
}

#[derive(Serialize)]
struct Neighbor {
    thumb: Thumb,
    similarity: String,
    is_other_class: bool,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let shown = similarities::shown(content.report, &content.groups);
    let untrained = similarities::untrained(content.report, &shown);
    let tables = [shown, untrained].into_iter().filter_map(|rows| neighbor_table(&rows, content));
    let images =
        Images { mistakes: mistakes(content), neighbors: tables.collect(), sampled: content.sprites.sampled() };
    if images.mistakes.is_empty() && images.neighbors.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("images", "Images", TEMPLATE, images)?.folded_if(content.is_large_sweep())])
}

fn mistakes(content: &Content<'_>) -> Vec<Mistakes> {
    let shown = confusion::shown(&content.groups);
    let naming = Naming::of(&shown).with_kind_and_depth().with_variant();
    let of_evaluation = |result: &EvaluationResult| -> Vec<MistakeView> {
        let view = |mistake: &crate::render::data::Mistake| {
            Some(MistakeView {
                thumb: content.sprites.by_name(&result.dataset, &mistake.image)?,
                class: mistake.class.clone(),
                predicted: mistake.predicted.clone(),
                confidence: words::percent(f64::from(mistake.confidence)),
            })
        };
        result.mistakes.iter().filter_map(view).take(MAX_MISTAKES).collect()
    };
    let evaluations =
        shown.iter().map(|group| Mistakes { evaluation: naming.name(group), rows: of_evaluation(group.first()) });
    evaluations.filter(|evaluation| !evaluation.rows.is_empty()).collect()
}

/// Returns the neighbors at the depths of `rows`, which are of one run; `None` without any.
fn neighbor_table(rows: &[&SimilarityRow], content: &Content<'_>) -> Option<NeighborTable> {
    let first = *rows.first()?;
    let thumb = |position: usize| content.sprites.by_position(&first.dataset, position);
    let row = |(at, query): (usize, &crate::render::data::Neighbors)| {
        let image = thumb(query.image)?;
        let at_depth = |row: &&SimilarityRow| -> Vec<Neighbor> {
            let nearest = row.neighbors.get(at).map(|other| other.nearest.as_slice()).unwrap_or_default();
            let neighbor = |&(position, similarity): &(usize, f32)| {
                let thumb = thumb(position)?;
                let similarity = words::signed_decimals(f64::from(similarity), 2);
                Some(Neighbor { is_other_class: thumb.class != image.class, thumb, similarity })
            };
            nearest.iter().filter_map(neighbor).collect()
        };
        let by_depth = rows.iter().map(at_depth).collect();
        Some(NeighborRow { image, by_depth })
    };
    let found: Vec<NeighborRow> = first.neighbors.iter().enumerate().filter_map(row).collect();
    let depths = rows.iter().map(|row| row.depth_label.clone()).collect();
    let run = words::join_nonempty(&[&first.run, &first.variant]);
    (!found.is_empty()).then_some(NeighborTable { run, depths, rows: found })
}
