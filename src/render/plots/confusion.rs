//! Confusion matrices of the evaluations selected by validation accuracy.

use crate::base::Result;
use crate::render::charts::Heatmap;
use crate::render::draw::Family;
use crate::render::groups::{Group, group_by};
use crate::render::plots::names::file_name;
use crate::render::plots::{Figure, Section};
use crate::render::verdict::selection::select;
use crate::render::words::{self, Naming};

/// Maximum number of matrices.
const MAX_MATRICES: usize = 6;

pub(crate) fn figures(groups: &[Group<'_>]) -> Result<Vec<Figure>> {
    let shown = shown(groups);
    let naming = Naming::of(&shown).with_kind_and_depth().with_variant();
    shown.iter().map(|group| figure(group, naming)).collect()
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

fn figure(group: &Group<'_>, naming: Naming) -> Result<Figure> {
    let name = naming.name(group);
    let title = format!("Confusion matrix, {name}: {}", words::percent(group.mean));
    let chart = Heatmap { heading: title.clone(), classes: group.first().classes.clone(), counts: group.confusion() };
    let seeds = group.results.len();
    let mut caption = if seeds > 1 { format!("Sum over {seeds} seeds.") } else { String::new() };
    if chart.classes_per_row() > 1 {
        caption += &format!(" Each row and column is {} classes.", chart.classes_per_row());
    }
    Figure::draw(Section::Confusion, &file(group), &title, caption.trim_start().to_owned(), &chart)
}

/// Returns the name of its files: "confusion-linear-main-h-100".
fn file(group: &Group<'_>) -> String {
    let result = group.first();
    let run = result.from.as_deref().unwrap_or(&result.stage);
    let depth = result.depth.map(|depth| if depth == 0 { "h".to_owned() } else { format!("layer-{depth}") });
    let labels = words::label_amount(result.fraction, result.labels_per_class);
    let family = Family::of(result).name();
    file_name(&["confusion", family, run, &result.dataset, &depth.unwrap_or_default(), &labels, &group.variant])
}
