//! Two-dimensional embeddings of the features, one panel per depth.

use crate::base::Result;
use crate::render::charts::{ScatterChart, ScatterPanel};
use crate::render::data::EmbeddingPanel;
use crate::render::groups::{Group, group_by};
use crate::render::plots::names::file_name;
use crate::render::plots::{Figure, Section};
use crate::render::verdict::selection::{selected_group, selects};
use crate::render::words;

/// Maximum number of figures.
const MAX_FIGURES: usize = 8;
/// Maximum number of points of a panel; more would slow down the page.
const MAX_POINTS: usize = 10_000;

pub(crate) fn figures(panels: &[EmbeddingPanel], groups: &[Group<'_>], class_order: &[&str]) -> Result<Vec<Figure>> {
    let one_pretraining = group_by(panels.iter(), |panel| panel.from.clone()).len() < 2;
    charts(panels, groups).iter().map(|panels| figure(panels, one_pretraining, class_order)).collect()
}

/// Returns the panels of each figure, one per depth; those of the run that validation accuracy selects come first.
pub(crate) fn charts<'p>(panels: &'p [EmbeddingPanel], groups: &[Group<'_>]) -> Vec<Vec<&'p EmbeddingPanel>> {
    let selected = selected_group(groups);
    let is_selected =
        |panel: &EmbeddingPanel| selected.is_some_and(|group| selects(group, &panel.from, &panel.variant));
    let mut charts = group_by(panels.iter(), |panel| {
        [panel.stage.clone(), panel.from.clone(), panel.method.clone(), panel.variant.clone()]
    });
    charts.sort_by_key(|(_, panels)| !is_selected(panels[0]));
    charts.into_iter().take(MAX_FIGURES).map(|(_, panels)| panels).collect()
}

/// Returns whether the images have labels; without them, the only class has an empty name.
fn has_classes(panel: &EmbeddingPanel) -> bool {
    panel.classes.iter().any(|class| !class.is_empty())
}

fn figure(panels: &[&EmbeddingPanel], one_pretraining: bool, class_order: &[&str]) -> Result<Figure> {
    let first = panels[0];
    let from = if one_pretraining { "" } else { &first.from };
    let title = words::join_nonempty(&[&first.method, from, &first.variant]);
    let order = Order::of(&first.classes, class_order);
    let chart = ScatterChart {
        panels: panels.iter().map(|panel| of_depth(panel, &order)).collect(),
        classes: if has_classes(first) { order.names(&first.classes) } else { Vec::new() },
    };
    let colored = if has_classes(first) { ", colored by class" } else { "" };
    let (all, shown) = (first.points.len(), first.points.len().min(MAX_POINTS));
    let sample = if shown < all { format!(" The first {shown} of {all} images are drawn.") } else { String::new() };
    let units = if first.explained.is_some() { "" } else { " The axes have no units." };
    let caption = format!("{all} images per panel{colored}.{sample}{units}");
    let file = file_name(&["embedding", &first.method, &first.from, &first.variant]);
    Figure::draw(Section::Embedding, &file, &title, caption, &chart)
}

fn of_depth(panel: &EmbeddingPanel, order: &Order) -> ScatterPanel {
    let heading = match &panel.depth_label {
        label if label.is_empty() => format!("depth {}", panel.depth),
        label => label.clone(),
    };
    let axes = panel.explained.map(|(first, second)| {
        let (first, second) = (words::percent(first), words::percent(second));
        format!("Right: PC 1 ({first} of the variance), up: PC 2 ({second})")
    });
    let points = panel.points.iter().copied().take(MAX_POINTS).collect();
    let labels = panel.labels.iter().map(|&label| order.position(label)).collect();
    ScatterPanel { heading, points, labels, axes: axes.unwrap_or_default() }
}

/// The order of classes: that of the data set, which an embedding does not have.
struct Order {
    /// Position of each class of the embedding.
    positions: Vec<usize>,
}

impl Order {
    fn of(classes: &[String], wanted: &[&str]) -> Self {
        let rank = |class: &usize| wanted.iter().position(|name| *name == classes[*class]).unwrap_or(wanted.len());
        let mut sorted: Vec<usize> = (0..classes.len()).collect();
        sorted.sort_by_key(rank);
        let mut positions = vec![0; classes.len()];
        sorted.into_iter().enumerate().for_each(|(position, class)| positions[class] = position);
        Self { positions }
    }

    /// Returns the position of a class; itself if it has no name.
    fn position(&self, class: usize) -> usize {
        self.positions.get(class).copied().unwrap_or(class)
    }

    fn names(&self, classes: &[String]) -> Vec<String> {
        let mut names = vec![String::new(); classes.len()];
        classes.iter().enumerate().for_each(|(class, name)| names[self.position(class)].clone_from(name));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_the_order_of_the_data_set() {
        let classes = ["sign 1", "sign 10", "sign 2", "unknown"].map(str::to_owned);
        let order = Order::of(&classes, &["sign 1", "sign 2", "sign 10"]);
        assert_eq!(order.names(&classes), ["sign 1", "sign 2", "sign 10", "unknown"]);
        assert_eq!([0, 1, 2, 3, 9].map(|class| order.position(class)), [0, 2, 1, 3, 9]);
    }
}
