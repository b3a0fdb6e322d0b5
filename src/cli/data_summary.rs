//! What a data set has, in a line.

use crate::base::human;
use crate::dataset::ClassCount;
use crate::dataset::source::MAX_NAMED;
use crate::study::DataFacts;

/// `dataset: 180 for training, 20 for validation, 50 for testing; classes 2: cat 125, dog 125`
pub(super) fn line(name: &str, facts: &DataFacts) -> String {
    let table = if name.is_empty() { "dataset".to_owned() } else { format!("dataset.{name}") };
    let parts = parts(&facts.classes, facts.unlabeled());
    let labels =
        if facts.is_labeled() { format!("classes {}", classes(&facts.classes)) } else { "no labels".to_owned() };
    format!("{table}: {parts}; {labels}\n")
}

/// `2: cat 12, dog 10`
pub(super) fn classes(classes: &[ClassCount]) -> String {
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
pub(super) fn parts(classes: &[ClassCount], unlabeled: usize) -> String {
    let total = |count: fn(&ClassCount) -> usize| classes.iter().map(count).sum::<usize>();
    let parts = [
        (total(|class| class.train), "for training"),
        (total(|class| class.validation), "for validation"),
        (total(|class| class.test), "for testing"),
        (unlabeled, "without labels"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}
