//! Confusion matrices of the evaluations selected by validation accuracy.

use crate::base::Result;
use crate::render::charts::Heatmap;
use crate::render::groups::{Group, group_by};
use crate::render::plots::{Figure, Section};
use crate::render::verdict::selection::select;
use crate::render::words::{self, Naming};

/// Maximum number of matrices.
const MAX_MATRICES: usize = 6;
/// Maximum number of cells embedded as SVG; more would slow down the page.
const MAX_SVG_CELLS: usize = 900;

pub(crate) fn figures(groups: &[Group<'_>]) -> Result<Vec<Figure>> {
    let shown = shown(groups);
    let naming = Naming::of(&shown).with_kind_and_depth().with_variant();
    shown.iter().enumerate().map(|(at, group)| figure(at, group, naming)).collect()
}

/// Returns the evaluations whose confusion matrices and recalls the page shows.
pub(crate) fn shown<'a, 'b>(groups: &'b [Group<'a>]) -> Vec<&'b Group<'a>> {
    shown_groups(groups.iter().filter(|group| is_square(&group.confusion())).collect())
}

fn is_square(counts: &[Vec<usize>]) -> bool {
    !counts.is_empty() && counts.iter().all(|row| row.len() == counts.len())
}

/// Returns all groups or, if there are too many, the one of each kind and label fraction with the highest validation
/// accuracy.
fn shown_groups<'a, 'b>(groups: Vec<&'b Group<'a>>) -> Vec<&'b Group<'a>> {
    if groups.len() <= MAX_MATRICES {
        return groups;
    }
    let learned = groups.into_iter().filter(|group| !group.first().is_untrained);
    let kinds = group_by(learned, |group| (group.first().kind, group.first().fraction.to_bits()));
    // Without validation images, show the first of a kind; the test set must not select.
    let selected = |(_, members): (_, Vec<&'b Group<'a>>)| match select(&members) {
        Some(selection) => Some(selection.group),
        None => members.first().copied(),
    };
    kinds.into_iter().filter_map(selected).take(MAX_MATRICES).collect()
}

fn figure(at: usize, group: &Group<'_>, naming: Naming) -> Result<Figure> {
    let name = naming.name(group);
    let heading = format!("{name}: {}", words::percent(group.mean));
    let chart = Heatmap { heading, classes: group.first().classes.clone(), counts: group.confusion() };
    let seeds = group.results.len();
    let caption = if seeds > 1 { format!("Sum over {seeds} seeds.") } else { String::new() };
    let heavy = chart.cells() > MAX_SVG_CELLS;
    let (file, title) = (format!("confusion-{}", at + 1), format!("Confusion matrix, {name}"));
    let figure = Figure::draw(Section::Confusion, &file, &title, caption, &chart)?;
    Ok(Figure { heavy, ..figure })
}
