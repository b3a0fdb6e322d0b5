//! Caveats: biased, unfair or incomplete results, and what the confidence intervals cover.

use crate::base::human::count;
use crate::render::data::Report;
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::verdict::phrase::capitalized;

/// Reports test images that are also training or validation images.
pub(super) fn shared_images(report: &Report) -> Option<Statement> {
    let shared = &report.dataset.shared;
    let (test, train) = shared.first()?;
    let all: usize = report.dataset.classes.iter().map(|class| class.test).sum();
    let are = if shared.len() == 1 {
        "is also a training or validation image"
    } else {
        "are also training or validation images"
    };
    let text = format!(
        "{} of {} {are}, which biases every test accuracy upward: for example, `{test}` is the same image as \
         `{train}`.",
        shared.len(),
        count(all, "test image"),
    );
    Some(Statement::new("Train-test overlap", text))
}

/// Notes on the data, unequal training conditions, selection on the test set, what intervals cover, and failures.
pub(super) fn all(report: &Report, groups: &[&Group<'_>]) -> Vec<Statement> {
    let mut statements: Vec<Statement> = data_notes(report);
    let warnings = report
        .warnings
        .iter()
        .map(|warning| Statement::new("Unequal training conditions", format!("{}.", capitalized(warning))));
    statements.extend(warnings);
    if groups.iter().any(|group| group.results.iter().any(|result| result.selected_on_test)) {
        let text =
            "The epochs of the results marked † were selected on the test set, which biases their accuracies upward.";
        statements.push(Statement::new("Selected on the test set", text));
    }
    statements.push(intervals(groups));
    statements.extend(failures(report));
    statements
}

/// Notes on the data set.
fn data_notes(report: &Report) -> Vec<Statement> {
    let statement = |note: &String| Statement::new("Data", format!("{}.", capitalized(note)));
    report.dataset.notes.iter().map(statement).collect()
}

/// States what the confidence intervals of this report cover.
fn intervals(groups: &[&Group<'_>]) -> Statement {
    let seeds = groups.iter().map(|group| group.results.len()).max().unwrap_or(0);
    let text = match seeds {
        0 | 1 => {
            "Confidence intervals cover the sampling of test images only, for the training runs at hand. Results with \
             another seed can differ by more; run several seeds (`[sweep] seed = [1, 2, 3]`) to measure by how much."
        }
        2 => {
            "Confidence intervals cover test images and two seeds, which are too few for a reliable estimate of the \
             variance between seeds."
        }
        _ => "Confidence intervals cover test images and seeds; differences are paired by test image and by seed.",
    };
    Statement::new("Confidence intervals", text)
}

pub(super) fn failures(report: &Report) -> Option<Statement> {
    let failures = report.failures.len();
    let text = format!("{} failed, so this report is incomplete.", count(failures, "stage"));
    (failures > 0).then(|| Statement::new("Failures", text))
}
