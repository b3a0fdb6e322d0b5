//! Images with augmented views.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/pairs.html");

#[derive(Serialize)]
struct Pairs<'a> {
    /// Name of the augmentation policy, and a PNG in Base64.
    pairs: Vec<(&'a str, String)>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let pairs = content.report.pairs.iter().map(|pair| (pair.policy.as_str(), BASE64_STANDARD.encode(&pair.png)));
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("pairs", "Positive pairs", TEMPLATE, Pairs { pairs })?])
}
