//! Caveats: biased, unfair or incomplete results, and what the confidence intervals cover.

use crate::base::human::count;
use crate::render::data::{DatasetFacts, DuplicateImage, Report};
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::verdict::phrase::capitalized;
use crate::render::words;

/// Reports test images that are also training or validation images.
pub(super) fn shared_images(report: &Report) -> impl Iterator<Item = Statement> {
    let is_named = report.datasets.len() > 1;
    report.datasets.iter().filter_map(move |set| shared_in(set, is_named))
}

fn shared_in(set: &DatasetFacts, is_named: bool) -> Option<Statement> {
    let shared = &set.shared;
    let (test, train) = shared.first()?;
    let all: usize = set.classes.iter().map(|class| class.test).sum();
    let are = if shared.len() == 1 {
        "is also a training or validation image"
    } else {
        "are also training or validation images"
    };
    let of_set = of_set(set, is_named);
    let text = format!(
        "{} of {}{of_set} {are}, which biases every test accuracy upward: for example, {} is the same image as {}.",
        shared.len(),
        count(all, "test image"),
        words::code(test),
        words::code(train),
    );
    Some(Statement::new("Train-test overlap", text))
}

/// Reports images of two classes, copies that affect selection or pretraining alone, and test images that look nearly
/// like training or validation images.
fn duplicates(report: &Report) -> impl Iterator<Item = Statement> {
    let is_named = report.datasets.len() > 1;
    report.datasets.iter().flat_map(move |set| {
        let of_set = of_set(set, is_named);
        let conflicting = exact(set, DuplicateImage::has_two_labels).map(|(number, example)| {
            let have = if number == 1 { "has" } else { "have" };
            let images = count(number, "image");
            let text = format!("{images}{of_set} {have} the label of more than one class: for example, {example}.");
            Statement::new("Conflicting labels", text)
        });
        let validation = exact(set, DuplicateImage::is_selected_on).map(|(number, example)| {
            let are = if number == 1 { "is also a training image" } else { "are also training images" };
            let text = format!(
                "{}{of_set} {are}, which biases validation accuracies upward and makes selection by them less reliable: \
                 for example, {example}.",
                count(number, "validation image"),
            );
            Statement::new("Train-validation overlap", text)
        });
        [conflicting, validation, pretrained_on(set, &of_set), near(set, &of_set)].into_iter().flatten()
    })
}

/// Reports test images that are also among those without labels.
fn pretrained_on(set: &DatasetFacts, of_set: &str) -> Option<Statement> {
    let (number, example) = exact(set, DuplicateImage::is_pretrained_on)?;
    let are = if number == 1 { "is" } else { "are" };
    let text = format!(
        "{}{of_set} {are} also among the images without labels: pretraining on those sees test images, but not their \
         labels. For example, {example}.",
        count(number, "test image"),
    );
    Some(Statement::new("Test images in pretraining", text))
}

fn near(set: &DatasetFacts, of_set: &str) -> Option<Statement> {
    let (number, example) = example(set, |row| !row.is_exact && row.is_leaked())?;
    let look = if number == 1 { "looks" } else { "look" };
    let text = format!(
        "{}{of_set} {look} nearly like training or validation images, by a perceptual hash: for example, {example}. If \
         they show the same, test accuracies are biased upward; see Data.",
        count(number, "test image"),
    );
    Some(Statement::new("Near duplicates", text))
}

/// Returns " of `photos`" if there are several data sets, else nothing.
fn of_set(set: &DatasetFacts, is_named: bool) -> String {
    if is_named { format!(" of {}", words::code(words::dataset(&set.name))) } else { String::new() }
}

fn exact(set: &DatasetFacts, is_meant: fn(&DuplicateImage) -> bool) -> Option<(usize, String)> {
    example(set, |row| row.is_exact && is_meant(row))
}

/// Counts duplicates and names the first: "`a` (cat) and `b` (dog)".
fn example(set: &DatasetFacts, is_meant: impl Fn(&DuplicateImage) -> bool) -> Option<(usize, String)> {
    let meant: Vec<&DuplicateImage> = set.duplicates.iter().filter(|row| is_meant(row)).collect();
    let DuplicateImage { image, class, other, other_class, .. } = meant.first()?;
    // The class of an image without a label is in parentheses already.
    let of_class = |class: &str| if class.starts_with('(') { class.to_owned() } else { format!("({class})") };
    let name = |image: &str, class: &str| format!("{} {}", words::code(image), of_class(class));
    Some((meant.len(), format!("{} and {}", name(image, class), name(other, other_class))))
}

/// Notes on the data, unequal training conditions, selection on the test set, what intervals cover, and failures.
pub(super) fn all(report: &Report, groups: &[&Group<'_>]) -> Vec<Statement> {
    let mut statements: Vec<Statement> = data_notes(report);
    statements.extend(duplicates(report));
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
    report.notes.iter().map(statement).collect()
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
