//! Images with augmented views, and the similarities of pairs.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::FigureView;
use crate::render::plots;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/pairs.html");

#[derive(Serialize)]
struct Pairs<'a> {
    /// Name of the augmentation policy, and a PNG in Base64.
    pairs: Vec<(&'a str, String)>,
    figures: Vec<FigureView<'a>>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let pairs = content.report.pairs.iter().map(|pair| (pair.policy.as_str(), pair.png.base64()));
    let pairs: Vec<_> = pairs.collect();
    let figures = content.figures(plots::Section::Pairs);
    if pairs.is_empty() && figures.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![
        section("pairs", "Positive and negative pairs", TEMPLATE, Pairs { pairs, figures })?
            .folded_if(content.is_large_sweep()),
    ])
}
