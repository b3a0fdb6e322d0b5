//! `duplicates`: images that show the same as an earlier training or validation image.

use crate::base::{Error, Result, files};
use crate::dataset::duplicates::{Duplicate, DuplicateNames, conflicting, duplicates, overlapping};
use crate::dataset::{DatasetConfig, ImageDataset, OnDuplicates, duplicate_files};
use crate::engine::{Context, Stage, StageSummary};
use crate::imaging::Resampler;
use crate::render::data::{DatasetFacts, DuplicateImage, Report};
use crate::render::pairs_png;
use crate::stages::dataset::{DatasetNodes, TEST_IMAGES, TRAIN_IMAGES, images, stage_name};
use crate::stages::shared::artifacts;
use crate::study::{Expansion, ReportPart, Shown};
use serde_json::{Value, json};

/// Maximum number of pairs in the image of the report.
const PAIRS: usize = 8;
/// Side of an image there in pixels.
const SIDE: usize = 112;

/// Adds the search for duplicates, unless the data set's table ignores them. No other stage depends on it: what is
/// trained does not change with it.
pub(super) fn add(config: &DatasetConfig, nodes: &DatasetNodes, expansion: &mut Expansion<'_>) -> Result<()> {
    if config.duplicates == OnDuplicates::Ignore {
        return Ok(());
    }
    let name = expansion.name().to_owned();
    let stage = DuplicatesStage { name: name.clone(), are_errors: config.duplicates == OnDuplicates::Error };
    let inputs = [(TRAIN_IMAGES, nodes.train), (TEST_IMAGES, nodes.test), ("dataset", nodes.dataset)];
    let id = expansion.add(stage, &inputs)?;
    expansion.show(&[("duplicates", id)], DuplicatesPart { name });
    Ok(())
}

/// Finds duplicates.
struct DuplicatesStage {
    /// Name of the data set's table; empty for `[dataset]`.
    name: String,
    /// Whether exact duplicates across subsets or classes are an error.
    are_errors: bool,
}

impl Stage for DuplicatesStage {
    fn name(&self) -> String {
        stage_name("duplicates", &self.name)
    }

    fn kind(&self) -> &'static str {
        "duplicates"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        json!({ "are_errors": self.are_errors })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = images(context)?;
        let found: Vec<(Duplicate, DuplicateImage)> =
            duplicates(&set)?.into_iter().map(|duplicate| (duplicate, described(duplicate, &set))).collect();
        let rows: Vec<&DuplicateImage> = found.iter().map(|(_, row)| row).collect();
        for warning in warnings(&rows, &set) {
            if self.are_errors {
                return Err(duplicate_files::error(&warning));
            }
            context.warn(warning);
        }
        artifacts::write_rows(&context.output().join(artifacts::DUPLICATES), &rows)?;
        files::write_atomic(&context.output().join(artifacts::DUPLICATES_IMAGE), &picture(&found, &set)?)?;
        let exact = rows.iter().filter(|row| row.is_exact).count();
        Ok(StageSummary::default().count("exact", exact).count("near", rows.len() - exact))
    }
}

fn described(duplicate: Duplicate, set: &ImageDataset) -> DuplicateImage {
    let Duplicate { image, other, is_exact } = duplicate;
    let class = |image| set.classes()[set.label(image)].clone();
    DuplicateImage {
        image: set.name(image).to_owned(),
        class: class(image),
        is_test: set.is_test(image),
        other: set.name(other).to_owned(),
        other_class: class(other),
        is_exact,
    }
}

/// Describes exact duplicates across subsets and classes.
fn warnings(rows: &[&DuplicateImage], set: &ImageDataset) -> Vec<String> {
    let names = |is_meant: fn(&DuplicateImage) -> bool| -> Vec<DuplicateNames> {
        let rows = rows.iter().filter(|row| row.is_exact && is_meant(row));
        rows.map(|row| DuplicateNames { image: row.image.clone(), other: row.other.clone() }).collect()
    };
    let tests = set.test_flags().iter().filter(|is_test| **is_test).count();
    let found =
        [overlapping(&names(|row| row.is_test), tests), conflicting(&names(|row| row.class != row.other_class))];
    found.into_iter().flatten().collect()
}

/// Renders the worst duplicates, each beside its earlier image, as PNG.
fn picture(found: &[(Duplicate, DuplicateImage)], set: &ImageDataset) -> Result<Vec<u8>> {
    let facts = DatasetFacts { duplicates: found.iter().map(|(_, row)| row.clone()).collect(), ..Default::default() };
    let mut resampler = Resampler::default();
    let mut small = |image: usize| -> Result<Vec<u8>> { Ok(resampler.image(set.image(image)?.view(), SIDE, SIDE).rgb) };
    let mut pairs = Vec::new();
    for row in facts.shown_duplicates().into_iter().take(PAIRS) {
        let known = found.iter().find(|(_, other)| other == row).map(|(duplicate, _)| *duplicate);
        let Duplicate { image, other, .. } = known.ok_or_else(|| Error::bug("a duplicate without its images"))?;
        pairs.push((small(image)?, vec![small(other)?]));
    }
    Ok(pairs_png(&pairs, SIDE))
}

/// The duplicates in the report.
#[derive(Debug)]
struct DuplicatesPart {
    /// Name of the data set's table.
    name: String,
}

impl ReportPart for DuplicatesPart {
    fn describe(&self) -> Value {
        json!({ "duplicates": self.name })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let directory = shown.artifact("duplicates")?;
        let Some(facts) = report.datasets.iter_mut().find(|set| set.name == self.name) else { return Ok(()) };
        facts.duplicates = artifacts::read_rows(&directory.join(artifacts::DUPLICATES))?;
        facts.duplicates_png = files::read(&directory.join(artifacts::DUPLICATES_IMAGE))?;
        let shared = facts.duplicates.iter().filter(|row| row.is_test && row.is_exact);
        facts.shared = shared.map(|row| (row.image.clone(), row.other.clone())).collect();
        Ok(())
    }
}
