//! Detection of representation collapse: thresholds and their sources.
//!
//! - Complete collapse: all images map to nearly the same direction. The standard deviation of the coordinates of unit
//!   vectors is 1 / sqrt(width) for an even spread and near 0 after a collapse (Chen and He 2021, arXiv 2011.10566,
//!   figure 2). A representation has collapsed below a tenth of the even value, or with an effective rank below 2.
//! - Dimensional collapse (Jing et al. 2022, arXiv 2110.09348): few dimensions are in use, measured by the effective
//!   rank as in RankMe (Garrido et al. 2023, arXiv 2210.02885). Neither gives a threshold; 5 % of the width is ours.
//! - Unaligned views: the two views of an image are hardly closer than two images. The mean squared distance between
//!   unrelated unit vectors is twice their variance, at least `2 * width * spread^2`.

use crate::base::human;
use crate::render::data::{HealthRow, Report};
use crate::render::verdict::Statement;
use crate::render::words;

const MIN_SPREAD: f64 = 0.1;
const MIN_RANK: f64 = 2.0;
const MIN_RANK_FRACTION: f64 = 0.05;
const MAX_ALIGNMENT: f64 = 0.9;

/// Maximum number of names listed.
const MAX_NAMES: usize = 4;

/// Kind of collapse of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collapse {
    None,
    /// All images map to nearly the same direction.
    Complete,
    /// Few dimensions in use.
    Dimensional,
    /// Two views of an image are as far apart as two images.
    Unaligned,
}

/// Classifies one depth of one pretraining run.
pub(crate) fn judge(row: &HealthRow) -> Collapse {
    let (width, spread) = (row.width.max(1) as f64, row.spread);
    let unrelated = 2.0 * width * spread * spread;
    if spread * width.sqrt() < MIN_SPREAD || row.effective_rank < MIN_RANK {
        Collapse::Complete
    } else if row.effective_rank < MIN_RANK_FRACTION * width {
        Collapse::Dimensional
    } else if row.alignment >= MAX_ALIGNMENT * unrelated {
        Collapse::Unaligned
    } else {
        Collapse::None
    }
}

/// Names the diagnosis in a word or two, for the table.
pub(crate) fn diagnosis(row: &HealthRow) -> &'static str {
    match judge(row) {
        _ if row.is_untrained => "untrained",
        Collapse::None => "no collapse",
        Collapse::Complete => "collapsed",
        Collapse::Dimensional => "dimensional collapse",
        Collapse::Unaligned => "views not aligned",
    }
}

/// Reports whether the pretrained representations collapsed; `None` if none was measured.
pub(crate) fn statement(report: &Report) -> Option<Statement> {
    let rows: Vec<&HealthRow> = report.health.iter().filter(|row| !row.is_untrained && row.width > 1).collect();
    let first = rows.first()?;
    let of = |wanted: Collapse| rows.iter().copied().filter(|row| judge(row) == wanted).collect::<Vec<_>>();
    let parts = [
        (
            of(Collapse::Complete),
            "has collapsed (standard deviation below a tenth of an even spread, or effective rank below 2)",
        ),
        (of(Collapse::Dimensional), "shows dimensional collapse (effective rank below 5 % of the width)"),
        (of(Collapse::Unaligned), "does not align the two views of an image"),
    ];
    let bad: Vec<String> =
        parts.iter().filter(|(rows, _)| !rows.is_empty()).map(|(rows, what)| sentence(rows, what)).collect();
    let text = match bad.is_empty() {
        true => format!("No pretrained representation has collapsed; {}.", effective_rank(first)),
        false => bad.join(" "),
    };
    Some(Statement::new("Collapse", text))
}

fn sentence(rows: &[&HealthRow], what: &str) -> String {
    let names: Vec<String> =
        rows.iter().take(MAX_NAMES).map(|row| format!("{} ({})", name(row), effective_rank(row))).collect();
    let more = if rows.len() > MAX_NAMES { format!(" and {} more", rows.len() - MAX_NAMES) } else { String::new() };
    format!("A representation {what}: {}{more}.", names.join("; "))
}

fn name(row: &HealthRow) -> String {
    words::join_nonempty(&[&row.stage, &row.variant])
}

/// "h has effective rank 22.3 of 64"
fn effective_rank(row: &HealthRow) -> String {
    let layer = row.depth_label.split(" (").next().unwrap_or_default();
    format!("{layer} has effective rank {} of {}", human::trimmed(row.effective_rank, 1), row.width)
}
