//! Has a representation collapsed? Thresholds and where they come from.
//!
//! - Complete collapse: all images have one direction. The standard deviation of a unit vector's coordinate is then near
//!   0 and 1 / sqrt(width) for an even spread (Chen and He 2021, arXiv 2011.10566, figure 2); below a tenth of that, or
//!   with an effective rank below 2, a representation has collapsed.
//! - Dimensional collapse (Jing et al. 2022, arXiv 2110.09348): few dimensions are in use, by the effective rank as in
//!   RankMe (Garrido et al. 2023, arXiv 2210.02885). Neither gives a threshold; a twentieth of the width is ours.
//! - Views: the two views of an image are hardly nearer than two images. The mean squared distance of unrelated unit
//!   vectors is twice their variance, which is at least `2 * width * spread^2`.

use crate::render::data::{HealthRow, Report};
use crate::render::verdict::Statement;
use crate::render::words;

const LEAST_SPREAD: f64 = 0.1;
const LEAST_RANK: f64 = 2.0;
const LEAST_RANK_PART: f64 = 0.05;
const ALIGNED_BELOW: f64 = 0.9;

/// More names than this are not listed.
const NAMED: usize = 4;

/// What is wrong with a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collapse {
    None,
    /// All images look alike.
    Complete,
    /// Few dimensions in use.
    Dimensional,
    /// Two views are as far apart as two images.
    Unaligned,
}

/// Judges one depth of one pretraining run.
pub(crate) fn judge(row: &HealthRow) -> Collapse {
    let (width, spread) = (row.width.max(1) as f64, row.spread);
    let unrelated = 2.0 * width * spread * spread;
    if spread * width.sqrt() < LEAST_SPREAD || row.effective_rank < LEAST_RANK {
        Collapse::Complete
    } else if row.effective_rank < LEAST_RANK_PART * width {
        Collapse::Dimensional
    } else if row.alignment >= ALIGNED_BELOW * unrelated {
        Collapse::Unaligned
    } else {
        Collapse::None
    }
}

/// The answer in a word or two, for the table.
pub(crate) fn answer(row: &HealthRow) -> &'static str {
    match judge(row) {
        _ if row.is_untrained => "untrained",
        Collapse::None => "no collapse",
        Collapse::Complete => "collapsed",
        Collapse::Dimensional => "few dimensions",
        Collapse::Unaligned => "views not aligned",
    }
}

/// Whether the representations of pretrained networks collapsed; none where none was measured.
pub(super) fn statement(report: &Report) -> Option<Statement> {
    let rows: Vec<&HealthRow> = report.health.iter().filter(|row| !row.is_untrained && row.width > 1).collect();
    let first = rows.first()?;
    let of = |wanted: Collapse| rows.iter().copied().filter(|row| judge(row) == wanted).collect::<Vec<_>>();
    let parts = [
        (of(Collapse::Complete), "has collapsed: all images have nearly the same direction"),
        (of(Collapse::Dimensional), "uses less than a twentieth of its dimensions"),
        (of(Collapse::Unaligned), "does not bring the two views of an image together"),
    ];
    let bad: Vec<String> =
        parts.iter().filter(|(rows, _)| !rows.is_empty()).map(|(rows, what)| sentence(rows, what)).collect();
    let text = match bad.is_empty() {
        true => format!("No representation of a pretrained network has collapsed; {}.", figures(first)),
        false => bad.join(" "),
    };
    Some(Statement::new("Collapse", text))
}

fn sentence(rows: &[&HealthRow], what: &str) -> String {
    let names: Vec<String> = rows.iter().take(NAMED).map(|row| format!("{} ({})", name(row), figures(row))).collect();
    let more = if rows.len() > NAMED { format!(" and {} more", rows.len() - NAMED) } else { String::new() };
    format!("A representation {what}: {}{more}.", names.join("; "))
}

fn name(row: &HealthRow) -> String {
    [row.stage.as_str(), row.variant.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// "h uses 22.3 of 64 dimensions (effective rank)"
fn figures(row: &HealthRow) -> String {
    let layer = row.depth_label.split(" (").next().unwrap_or_default();
    format!("{layer} uses {} of {} dimensions (effective rank)", words::trimmed(row.effective_rank, 1), row.width)
}
