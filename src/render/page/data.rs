//! The data sets: classes, and files and images that need a look.

use crate::base::Result;
use crate::dataset::ClassCount;
use crate::render::data::{DatasetFacts, DuplicateImage};
use crate::render::page::section::{Content, Section, section};
use crate::render::words;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/data.html");
/// Maximum number of skipped or damaged files listed on the page; the CSV has all.
const MAX_FILES: usize = 50;

#[derive(Serialize)]
struct Data<'a> {
    datasets: Vec<DatasetView<'a>>,
}

/// A data set for the template.
#[derive(Serialize)]
struct DatasetView<'a> {
    /// Its name if there are several.
    name: &'a str,
    source: &'a str,
    image_size: usize,
    classes: Vec<ClassCount>,
    skipped: &'a [(String, String)],
    skipped_count: usize,
    damaged: &'a [(String, String)],
    damaged_count: usize,
    passed_over: &'a [(String, usize, String)],
    /// Cells of a row each: part, image, class, the same of the other image, whether they are the same.
    duplicates: Vec<[&'a str; 7]>,
    duplicates_count: usize,
    /// Base64; empty without duplicates.
    duplicates_png: String,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let sets = &content.report.datasets;
    if sets.is_empty() {
        return Ok(Vec::new());
    }
    let datasets = sets.iter().map(|set| dataset(set, sets.len() > 1)).collect();
    Ok(vec![section("data", "Data", TEMPLATE, Data { datasets })?.folded_if(content.is_large_sweep())])
}

fn dataset(set: &DatasetFacts, is_named: bool) -> DatasetView<'_> {
    let duplicates = set.shown_duplicates();
    DatasetView {
        name: if is_named { words::dataset(&set.name) } else { "" },
        source: &set.source,
        image_size: set.image_size,
        classes: classes(set),
        skipped: &set.skipped[..set.skipped.len().min(MAX_FILES)],
        skipped_count: set.skipped.len(),
        damaged: &set.damaged[..set.damaged.len().min(MAX_FILES)],
        damaged_count: set.damaged.len(),
        passed_over: &set.passed_over,
        duplicates: duplicates.iter().take(MAX_FILES).map(|each| duplicate(each)).collect(),
        duplicates_count: duplicates.len(),
        duplicates_png: if duplicates.is_empty() { String::new() } else { set.duplicates_png.base64() },
    }
}

fn duplicate(row: &DuplicateImage) -> [&str; 7] {
    let DuplicateImage { image, class, part, other, other_class, other_part, is_exact } = row;
    let same = if *is_exact { "equal pixels" } else { "nearly the same" };
    [part.name(), image, class, other_part.name(), other, other_class, same]
}

/// Returns the number of images of each class, and the totals.
fn classes(set: &DatasetFacts) -> Vec<ClassCount> {
    let mut rows = set.classes.clone();
    if rows.len() > 1 {
        let sum = |count: fn(&ClassCount) -> usize| set.classes.iter().map(count).sum();
        rows.push(ClassCount {
            name: "all".into(),
            train: sum(|class| class.train),
            validation: sum(|class| class.validation),
            test: sum(|class| class.test),
        });
    }
    rows
}
