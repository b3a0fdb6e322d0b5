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
    Ok(Section { id: id.to_owned(), title: title.to_owned(), body })
}
