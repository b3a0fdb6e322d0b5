//! `duplicates`: images that show the same as an earlier training or validation image, and test images that are also
//! without labels.

use crate::base::{Result, files, hash};
use crate::dataset::duplicates::{DuplicateNames, Overlaps, copies_without_labels, duplicates};
use crate::dataset::{DatasetConfig, Fingerprint, ImageDataset, OnDuplicates, Part, SourceFile};
use crate::dataset::{duplicate_files, part_names};
use crate::engine::{Context, Stage, StageSummary};
use crate::imaging::Resampler;
use crate::render::data::{DatasetFacts, DuplicateImage, Report};
use crate::render::pairs_png;
use crate::stages::dataset::{DatasetNodes, images, named_class, parts, stage_name};
use crate::stages::shared::artifacts;
use crate::study::{DataFacts, Expansion, ReportPart, Shown};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Maximum number of pairs in the image of the report.
const PAIRS: usize = 8;
/// Side of an image there in pixels.
const SIDE: usize = 112;

/// Adds the search for duplicates, unless the data set's table ignores them. No other stage depends on it: what is
/// trained does not change with it.
pub(super) fn add(facts: &DataFacts, nodes: &DatasetNodes, expansion: &mut Expansion<'_>) -> Result<()> {
    if facts.config.duplicates == OnDuplicates::Ignore {
        return Ok(());
    }
    let name = expansion.name().to_owned();
    let stage =
        DuplicatesStage { name: name.clone(), config: facts.config.clone(), fingerprint: facts.fingerprint.clone() };
    let id = expansion.add(stage, &nodes.all())?;
    expansion.show(&[("duplicates", id)], DuplicatesPart { name });
    Ok(())
}

/// Finds duplicates.
struct DuplicatesStage {
    /// Name of the data set's table; empty for `[dataset]`.
    name: String,
    /// The data set.
    config: DatasetConfig,
    /// Its files.
    fingerprint: Fingerprint,
}

/// A duplicate, with where its images are.
struct Found<'a> {
    row: DuplicateImage,
    image: usize,
    other: (&'a ImageDataset, usize),
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
        let mut parameters = json!({ "are_errors": self.config.duplicates == OnDuplicates::Error });
        // The images without labels are an input, but their names are not.
        if self.fingerprint.has(Part::Unlabeled) {
            let is_unlabeled = |file: &SourceFile| file.name.starts_with(Part::Unlabeled.name());
            let files = self.fingerprint.files.iter().filter(is_unlabeled);
            parameters["unlabeled"] = hash::digest_list(files).map_or(Value::Null, Value::from);
        }
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = images(context)?;
        let unlabeled = ImageDataset::unlabeled(&parts(context, &[Part::Unlabeled]))?;
        let found = self.find(&set, &unlabeled, context)?;
        let rows: Vec<&DuplicateImage> = found.iter().map(|found| &found.row).collect();
        for warning in overlaps(&rows).describe(set.part(Part::Test).len(), set.part(Part::Validation).len()) {
            if self.config.duplicates == OnDuplicates::Error {
                return Err(duplicate_files::error(&warning));
            }
            context.warn(warning);
        }
        artifacts::write_rows(&context.output().join(artifacts::DUPLICATES), &rows)?;
        files::write_atomic(&context.output().join(artifacts::DUPLICATES_IMAGE), &side_by_side(&found, &set)?)?;
        let exact = rows.iter().filter(|row| row.is_exact).count();
        Ok(StageSummary::default().count("exact", exact).count("near", rows.len() - exact))
    }
}

impl DuplicatesStage {
    fn find<'a>(
        &self,
        set: &'a ImageDataset,
        unlabeled: &'a ImageDataset,
        context: &Context<'_>,
    ) -> Result<Vec<Found<'a>>> {
        let class = |image| named_class(&set.classes()[set.label(image)]);
        let of = |image: usize| DuplicateImage {
            image: set.name(image),
            class: class(image),
            part: set.part_of(image),
            is_exact: true,
            ..DuplicateImage::default()
        };
        let mut found = Vec::new();
        for each in duplicates(set)? {
            let (name, other_part) = (set.name(each.other), set.part_of(each.other));
            let row = DuplicateImage { other: name, other_class: class(each.other), other_part, ..of(each.image) };
            let row = DuplicateImage { is_exact: each.is_exact, ..row };
            found.push(Found { row, image: each.image, other: (set, each.other) });
        }
        let known: HashSet<usize> = found.iter().filter(|each| each.row.is_exact).map(|each| each.image).collect();
        let mut copies = copies_without_labels(set, unlabeled);
        copies.retain(|(image, _)| !known.contains(image));
        if copies.is_empty() {
            return Ok(found);
        }
        for (part, directory) in parts(context, &[Part::Unlabeled]) {
            let names = part_names(&self.fingerprint.unlabeled_names, directory)?.decoded;
            for &(image, other) in &copies {
                let name = names.get(other);
                let row = DuplicateImage { other: name, other_class: named_class(""), other_part: part, ..of(image) };
                found.push(Found { row, image, other: (unlabeled, other) });
            }
        }
        Ok(found)
    }
}

/// Returns exact duplicates across parts and classes.
fn overlaps(rows: &[&DuplicateImage]) -> Overlaps {
    let names = |is_meant: fn(&DuplicateImage) -> bool| -> Vec<DuplicateNames> {
        let rows = rows.iter().filter(|row| row.is_exact && is_meant(row));
        rows.map(|row| DuplicateNames { image: row.image.clone(), other: row.other.clone() }).collect()
    };
    Overlaps {
        test: names(DuplicateImage::is_leaked),
        validation: names(DuplicateImage::is_selected_on),
        conflicts: names(DuplicateImage::has_two_labels),
        unlabeled: names(DuplicateImage::is_pretrained_on),
    }
}

/// Renders the worst duplicates, each beside its other image, as PNG.
fn side_by_side(found: &[Found<'_>], set: &ImageDataset) -> Result<Vec<u8>> {
    let facts =
        DatasetFacts { duplicates: found.iter().map(|found| found.row.clone()).collect(), ..Default::default() };
    let mut resampler = Resampler::default();
    let mut small = |set: &ImageDataset, image: usize| -> Result<Vec<u8>> {
        Ok(resampler.image(set.image(image)?.view(), SIDE, SIDE).rgb)
    };
    let mut pairs = Vec::new();
    for row in facts.shown_duplicates().into_iter().take(PAIRS) {
        if let Some(Found { image, other, .. }) = found.iter().find(|found| found.row == *row) {
            pairs.push((small(set, *image)?, vec![small(other.0, other.1)?]));
        }
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
        facts.duplicates_png = files::read(&directory.join(artifacts::DUPLICATES_IMAGE))?.into();
        let shared = facts.duplicates.iter().filter(|row| row.is_leaked() && row.is_exact);
        facts.shared = shared.map(|row| (row.image.clone(), row.other.clone())).collect();
        Ok(())
    }
}
