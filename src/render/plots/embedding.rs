//! Features as points in the plane, a panel a depth.

use crate::base::Result;
use crate::render::charts::{ScatterChart, ScatterPanel};
use crate::render::data::EmbeddingPanel;
use crate::render::groups::gathered;
use crate::render::plots::{Figure, Section, joined};

/// More figures than this are not looked at.
const FIGURES_AT_MOST: usize = 8;
/// More points than this make SVG within a page slow.
const SVG_POINTS_AT_MOST: usize = 4000;

pub(crate) fn figures(panels: &[EmbeddingPanel]) -> Result<Vec<Figure>> {
    let charts = gathered(panels.iter(), |panel| {
        [panel.stage.clone(), panel.from.clone(), panel.method.clone(), panel.variant.clone()]
    });
    let one_pretraining = gathered(panels.iter(), |panel| panel.from.clone()).len() < 2;
    let shown = charts.iter().take(FIGURES_AT_MOST).enumerate();
    shown.map(|(at, (_, panels))| figure(at, panels, one_pretraining)).collect()
}

fn figure(at: usize, panels: &[&EmbeddingPanel], one_pretraining: bool) -> Result<Figure> {
    let first = panels[0];
    let from = if one_pretraining { "" } else { &first.from };
    let title = joined(&[&first.method, from, &first.variant]);
    let panel = |panel: &&EmbeddingPanel| ScatterPanel {
        heading: if panel.depth_label.is_empty() {
            format!("depth {}", panel.depth)
        } else {
            panel.depth_label.clone()
        },
        points: panel.points.clone(),
        labels: panel.labels.clone(),
    };
    let chart = ScatterChart { panels: panels.iter().map(panel).collect(), classes: first.classes.clone() };
    let heavy = chart.points() > SVG_POINTS_AT_MOST;
    let caption = format!("{} images a panel; a color is a class. Axes have no unit.", first.points.len());
    let figure = Figure::draw(Section::Embedding, &format!("embedding-{}", at + 1), &title, caption, &chart)?;
    Ok(Figure { heavy, ..figure })
}
