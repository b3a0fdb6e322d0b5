//! What keeps the results from being taken at their word.

use crate::base::human::count;
use crate::render::data::Report;
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::verdict::phrase::capitalized;

/// Test images that were trained on.
pub(super) fn shared_images(report: &Report) -> Option<Statement> {
    let shared = &report.dataset.shared;
    let (test, train) = shared.first()?;
    let all: usize = report.dataset.classes.iter().map(|class| class.3).sum();
    let are = if shared.len() == 1 {
        "is a training or validation image as well"
    } else {
        "are training or validation images as well"
    };
    let text = format!(
        "{} of {} {are}, so every accuracy here is too high: `{test}` is the same as `{train}`.",
        shared.len(),
        count(all, "test image"),
    );
    Some(Statement::new("Shared images", text))
}

/// Unfair comparisons, results that were chosen on the test set, what intervals leave out, and failures.
pub(super) fn all(report: &Report, groups: &[&Group<'_>]) -> Vec<Statement> {
    let mut statements: Vec<Statement> = data_notes(report);
    let warnings =
        report.warnings.iter().map(|warning| Statement::new("Unequal terms", format!("{}.", capitalized(warning))));
    statements.extend(warnings);
    if groups.iter().any(|group| group.results.iter().any(|result| result.selected_on_test)) {
        let text = "The test set chose the epochs of the results marked †, so those accuracies are too high.";
        statements.push(Statement::new("Chosen on the test set", text));
    }
    statements.push(intervals(groups));
    statements.extend(failures(report));
    statements
}

/// What is known of the data.
fn data_notes(report: &Report) -> Vec<Statement> {
    let statement = |note: &String| Statement::new("Data", format!("{}.", capitalized(note)));
    report.dataset.notes.iter().map(statement).collect()
}

/// What the intervals of this report cover.
fn intervals(groups: &[&Group<'_>]) -> Statement {
    let seeds = groups.iter().map(|group| group.results.len()).max().unwrap_or(0);
    let text = match seeds {
        0 | 1 => {
            "Intervals are over test images alone: they hold for these training runs on other images. Another seed can \
             differ by more; `[sweep] seed = [1, 2, 3]` shows by how much."
        }
        2 => "Intervals are over test images and two seeds, which are too few to say much of the spread between seeds.",
        _ => {
            "Intervals are over test images and seeds together; differences are taken image by image and seed by seed."
        }
    };
    Statement::new("Intervals", text)
}

pub(super) fn failures(report: &Report) -> Option<Statement> {
    let failures = report.failures.len();
    let text = format!("{} failed, so this report is not complete.", count(failures, "stage"));
    (failures > 0).then(|| Statement::new("Failures", text))
}
