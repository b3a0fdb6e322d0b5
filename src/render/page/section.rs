//! What a section of the page is, and what it is rendered from.

use crate::base::Result;
use crate::render::data::Report;
use crate::render::groups::{self, Group};
use crate::render::html;
use crate::render::page::sprites::Sprites;
use crate::render::page::view::FigureView;
use crate::render::plots::{self, Figure};
use serde::Serialize;

/// A section of the page.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    /// Name of its place on the page: `#results`.
    id: String,
    /// Heading, also in the contents.
    title: String,
    /// HTML below the heading.
    body: String,
    /// Whether the reader opens it.
    is_folded: bool,
}

impl Section {
    /// Folds the section, which the page of a large sweep would be too long with.
    pub(super) fn folded_if(self, is_folded: bool) -> Self {
        Self { is_folded, ..self }
    }
}

/// What sections are rendered from.
pub(super) struct Content<'a> {
    pub(super) report: &'a Report,
    /// The results, grouped over seeds.
    pub(super) groups: Vec<Group<'a>>,
    pub(super) sprites: Sprites<'a>,
    figures: &'a [Figure],
}

impl<'a> Content<'a> {
    pub(super) fn new(report: &'a Report, figures: &'a [Figure]) -> Self {
        Self { report, groups: groups::over_seeds(&report.results), sprites: Sprites::new(report), figures }
    }

    /// Returns whether this is a sweep of so many variants that the page folds what is not about them.
    pub(super) fn is_large_sweep(&self) -> bool {
        /// Maximum number of variants that the page shows everything for.
        const MAX_VARIANTS: usize = 3;
        let swept = self.groups.iter().filter(|group| !group.variant.is_empty());
        groups::group_by(swept, |group| group.variant.as_str()).len() > MAX_VARIANTS
    }

    /// Returns the figures of a section.
    pub(super) fn figures(&self, section: plots::Section) -> Vec<FigureView<'a>> {
        self.figures.iter().filter(|figure| figure.section == section).map(FigureView::of).collect()
    }
}

/// Renders a section from its template.
///
/// # Errors
/// The template is invalid, which is a bug.
pub(super) fn section(id: &str, title: &str, template: &str, values: impl Serialize) -> Result<Section> {
    let body = html::fill(&format!("{id}.html"), template, values)?;
    Ok(Section { id: id.to_owned(), title: title.to_owned(), body, is_folded: false })
}
