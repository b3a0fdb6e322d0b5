//! What `simclr init` says that it saw.

use super::settings::Settings;
use crate::cli::data_summary;
use crate::cli::table::{Cell, table};
use crate::cli::text::Text;
use crate::dataset::source::detect::{DetectedSource, named};
use crate::dataset::survey::Survey;

/// Returns a table of what was seen and what was chosen.
pub(super) fn of(source: &DetectedSource, survey: &Survey, settings: &Settings) -> Text {
    let mut rows = vec![("recognized", source.what.clone())];
    if settings.evaluation.is_some() {
        rows.push(("classes", data_summary::classes(&settings.classes)));
    }
    rows.push(("images", data_summary::parts(&settings.classes, survey.fingerprint.unlabeled)));
    rows.extend(sizes(survey).map(|sizes| ("sizes", sizes)));
    if !source.passed_over.is_empty() {
        rows.push(("passed over", named(&source.passed_over)));
    }
    rows.push(("settings", chosen(settings)));
    let cells = |(name, text): (&str, String)| -> [Cell; 2] { [name.into(), text.into()] };
    table(&rows.into_iter().map(cells).collect::<Vec<_>>(), &[])
}

/// `333 x 500 to 500 x 375 pixels in a sample of 32`
fn sizes(survey: &Survey) -> Option<String> {
    let (first, last) = (survey.sizes.first()?, survey.sizes.last()?);
    let size = |(width, height): &(usize, usize)| format!("{width} x {height}");
    let range = if first == last { size(first) } else { format!("{} to {}", size(first), size(last)) };
    let unreadable = match survey.unreadable {
        0 => String::new(),
        count => format!("; {count} more cannot be read, and a run names them"),
    };
    Some(format!("{range} pixels in a sample of {}{unreadable}", survey.sizes.len()))
}

/// `64 x 64 pixels, 50 epochs in batches of 64, labeled fractions 0.1 and 1, k = 20`
fn chosen(settings: &Settings) -> String {
    let Settings { image_size, batch_size, epochs, .. } = settings;
    let mut text = format!("{image_size} x {image_size} pixels, {epochs} epochs in batches of {batch_size}");
    match settings.evaluation {
        Some(evaluation) => {
            text.push_str(&format!(", labeled fractions {} and 1, k = {}", evaluation.few, evaluation.k))
        }
        None => text.push_str("; no evaluation, which needs labels"),
    }
    text
}
