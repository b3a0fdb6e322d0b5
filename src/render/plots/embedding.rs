//! Two-dimensional embeddings of the features, one panel per depth.

use crate::base::Result;
use crate::render::charts::{ScatterChart, ScatterPanel};
use crate::render::data::EmbeddingPanel;
use crate::render::groups::group_by;
use crate::render::plots::{Figure, Section, join_nonempty};

/// Maximum number of figures.
const MAX_FIGURES: usize = 8;
/// Maximum number of points embedded as SVG; more would slow down the page.
const MAX_SVG_POINTS: usize = 4000;

pub(crate) fn figures(panels: &[EmbeddingPanel]) -> Result<Vec<Figure>> {
    let charts = group_by(panels.iter(), |panel| {
        [panel.stage.clone(), panel.from.clone(), panel.method.clone(), panel.variant.clone()]
    });
    let one_pretraining = group_by(panels.iter(), |panel| panel.from.clone()).len() < 2;
    let shown = charts.iter().take(MAX_FIGURES).enumerate();
    shown.map(|(at, (_, panels))| figure(at, panels, one_pretraining)).collect()
}

/// Returns whether the images have labels; without them, the only class has an empty name.
fn has_classes(panel: &EmbeddingPanel) -> bool {
    panel.classes.iter().any(|class| !class.is_empty())
}

fn figure(at: usize, panels: &[&EmbeddingPanel], one_pretraining: bool) -> Result<Figure> {
    let first = panels[0];
    let from = if one_pretraining { "" } else { &first.from };
    let title = join_nonempty(&[&first.method, from, &first.variant]);
    let panel = |panel: &&EmbeddingPanel| ScatterPanel {
        heading: if panel.depth_label.is_empty() {
            format!("depth {}", panel.depth)
        } else {
            panel.depth_label.clone()
        },
        points: panel.points.clone(),
        labels: panel.labels.clone(),
    };
    let chart = ScatterChart {
        panels: panels.iter().map(panel).collect(),
        classes: if has_classes(first) { first.classes.clone() } else { Vec::new() },
    };
    let heavy = chart.points() > MAX_SVG_POINTS;
    let colored = if has_classes(first) { ", colored by class" } else { "" };
    let caption = format!("{} images per panel{colored}. The axes have no units.", first.points.len());
    let figure = Figure::draw(Section::Embedding, &format!("embedding-{}", at + 1), &title, caption, &chart)?;
    Ok(Figure { heavy, ..figure })
}
