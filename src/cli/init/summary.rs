//! What `simclr init` says that it saw.

use super::settings::Settings;
use crate::base::human;
use crate::cli::table::{Cell, table};
use crate::cli::text::Text;
use crate::dataset::ClassCount;
use crate::dataset::source::MAX_NAMED;
use crate::dataset::source::detect::{DetectedSource, named};
use crate::dataset::survey::Survey;

/// Returns a table of what was seen and what was chosen.
pub(super) fn of(source: &DetectedSource, survey: &Survey, settings: &Settings) -> Text {
    let mut rows = vec![("recognized", source.what.clone())];
    if settings.evaluation.is_some() {
        rows.push(("classes", classes(&settings.classes)));
    }
    rows.push(("images", images(survey, settings)));
    rows.extend(sizes(survey).map(|sizes| ("sizes", sizes)));
    if !source.passed_over.is_empty() {
        rows.push(("passed over", named(&source.passed_over)));
    }
    rows.push(("settings", chosen(settings)));
    let cells = |(name, text): (&str, String)| -> [Cell; 2] { [name.into(), text.into()] };
    table(&rows.into_iter().map(cells).collect::<Vec<_>>(), &[])
}

/// `2: cat 12, dog 10`
fn classes(classes: &[ClassCount]) -> String {
    let images = |class: &ClassCount| class.train + class.validation + class.test;
    let mut shown: Vec<String> =
        classes.iter().take(MAX_NAMED).map(|class| format!("{} {}", class.name, images(class))).collect();
    if let Some(more) = classes.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        let fewest = classes.iter().map(images).min().unwrap_or(0);
        shown.push(format!("{more} more, each with at least {}", human::count(fewest, "image")));
    }
    format!("{}: {}", classes.len(), shown.join(", "))
}

/// `180 for training, 20 for validation, 50 for testing`
fn images(survey: &Survey, settings: &Settings) -> String {
    let total = |count: fn(&ClassCount) -> usize| settings.classes.iter().map(count).sum::<usize>();
    let parts = [
        (total(|class| class.train), "for training"),
        (total(|class| class.validation), "for validation"),
        (total(|class| class.test), "for testing"),
        (survey.fingerprint.unlabeled, "without labels"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
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
