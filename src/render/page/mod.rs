//! The page: a report as one self-contained HTML file.
//!
//! A section is one file here, with its template in `assets/report`, and one line of the list below.

pub(crate) mod live;
mod section;
mod sprites;
mod view;

/// Declares the modules of the sections and lists them in the order of the page.
macro_rules! sections {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        const SECTIONS: &[fn(&Content<'_>) -> Result<Vec<Section>>] = &[$($name::sections),*];
    };
}

sections! {
    findings,
    sweep,
    results,
    transfer,
    stage_tables,
    training,
    diagnostics,
    confusion,
    embeddings,
    images,
    pairs,
    data,
    models,
    stages,
    reproduce,
    failures,
}

use crate::base::Result;
use crate::render::data::Report;
use crate::render::draw::{ink, svg};
use crate::render::html;
use crate::render::plots::Figure;
use base64::prelude::{BASE64_STANDARD, Engine};
use section::{Content, Section};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sprites::Sheet;

const PAGE: &str = include_str!("../../../assets/report/page.html");
const STYLE: &str =
    concat!(include_str!("../../../assets/report/style.css"), include_str!("../../../assets/report/interaction.css"));
/// Adds interaction to a page that is complete without it.
const SCRIPT: &str = concat!(
    include_str!("../../../assets/report/script/elements.js"),
    include_str!("../../../assets/report/script/tables.js"),
    include_str!("../../../assets/report/script/links.js"),
    include_str!("../../../assets/report/script/chart.js"),
    include_str!("../../../assets/report/script/axes.js"),
    include_str!("../../../assets/report/script/lines.js"),
    include_str!("../../../assets/report/script/points.js"),
);

/// The variables of the template of the page.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    /// Name of the study if the title differs from it.
    study: &'a str,
    style: &'a str,
    style_digest: String,
    script: &'static str,
    script_digest: String,
    sections: Vec<Section>,
    /// Thumbnails that sections refer to.
    sheets: Vec<Sheet>,
}

/// Renders the page as HTML.
pub(crate) fn html(report: &Report, figures: &[Figure]) -> Result<String> {
    let content = Content::new(report, figures);
    let mut sections = Vec::new();
    for of_topic in SECTIONS {
        sections.extend(of_topic(&content)?);
    }
    let named = [report.title.as_str(), &report.study].into_iter().find(|name| !name.is_empty());
    let title = named.unwrap_or("Report");
    let style = style();
    let page = Page {
        title,
        study: if report.study == title { "" } else { &report.study },
        style_digest: digest(&style),
        style: &style,
        script: SCRIPT,
        script_digest: digest(SCRIPT),
        sections,
        sheets: content.sprites.sheets(),
    };
    html::fill("page.html", PAGE, page)
}

/// Returns the style of a page.
pub(crate) fn style() -> String {
    svg::font_faces() + "\n" + svg::SHAPES + "\n" + &ink::page_css() + "\n" + STYLE
}

/// Returns the digest of an inline style or script for the Content-Security-Policy, which allows nothing else.
pub(crate) fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
