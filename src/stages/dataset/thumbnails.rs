//! `thumbnails`: small versions of test images for the report, or of training images if there are no test images.

use crate::augment::Policy;
use crate::base::{Result, files, rng};
use crate::dataset::{DatasetConfig, ImageDataset, Part};
use crate::engine::{Context, Stage, StageSummary};
use crate::imaging::{ImageRef, encode_jpeg};
use crate::render::data::{EncodedImage, Report, Thumbnail, Thumbnails};
use crate::stages::dataset::{DatasetNodes, role, stage_name, unlabeled_images};
use crate::stages::shared::artifacts;
use crate::stages::shared::sample::{MAX_SHOWN, evenly_spaced};
use crate::stages::shared::view_bytes::view_bytes;
use crate::study::{DataFacts, Expansion, ReportPart, Shown};
use serde_json::{Value, json};

/// Largest side of a thumbnail in pixels; 1,024 of them are about 2 MB.
const MAX_SIDE: usize = 64;
const MIN_SIDE: usize = 32;
/// Sides are multiples of the blocks of a JPEG, so that neighbors do not bleed into each other.
const BLOCK: usize = 8;
/// Thumbnails per row.
const COLUMNS: usize = 32;

/// Adds the thumbnails of a data set.
pub(super) fn add(facts: &DataFacts, nodes: &DatasetNodes, expansion: &mut Expansion<'_>) -> Result<()> {
    let name = expansion.name().to_owned();
    let stage = ThumbnailsStage { name: name.clone(), config: facts.config.clone() };
    let side = stage.side();
    let id = expansion.add(stage, &nodes.measured())?;
    expansion.show(&[nodes.labeled(), vec![("thumbnails", id)]].concat(), ThumbnailsPart { name, side });
    Ok(())
}

/// Draws the thumbnails.
struct ThumbnailsStage {
    /// Name of the data set's table; empty for `[dataset]`.
    name: String,
    config: DatasetConfig,
}

impl ThumbnailsStage {
    fn side(&self) -> usize {
        self.config.image_size.clamp(MIN_SIDE, MAX_SIDE).next_multiple_of(BLOCK)
    }
}

impl Stage for ThumbnailsStage {
    fn name(&self) -> String {
        stage_name("thumbnails", &self.name)
    }

    fn kind(&self) -> &'static str {
        "thumbnails"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        json!({ "side": self.side(), "columns": COLUMNS, "images": MAX_SHOWN, "fit": self.config.fit })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let (set, side) = (unlabeled_images(context)?, self.side());
        let positions = evenly_spaced(set.len(), MAX_SHOWN);
        let policy = Policy::evaluation(None, side, self.config.fit);
        let (width, height) = (COLUMNS.min(positions.len()) * side, positions.len().div_ceil(COLUMNS) * side);
        let mut sheet = vec![u8::MAX; width * height * 3];
        for (at, &image) in positions.iter().enumerate() {
            // Nothing of an evaluation view is random.
            let mut rng = rng::stream(0, "thumbnails", &[]);
            let thumbnail = view_bytes(&policy, set.image(image)?.view(), &mut rng, side);
            let (left, top) = (at % COLUMNS * side, at / COLUMNS * side);
            for (row, bytes) in thumbnail.chunks_exact(side * 3).enumerate() {
                let start = ((top + row) * width + left) * 3;
                sheet[start..start + side * 3].copy_from_slice(bytes);
            }
            context.progress(at as u64 + 1, positions.len() as u64, "images");
        }
        if !sheet.is_empty() {
            let jpeg = encode_jpeg(ImageRef { width, height, rgb: &sheet })?;
            files::write_atomic(&context.output().join(artifacts::THUMBNAILS), &jpeg)?;
        }
        Ok(StageSummary::default().count("images", positions.len()))
    }
}

/// The thumbnails in the report.
#[derive(Debug)]
struct ThumbnailsPart {
    /// Name of the data set's table.
    name: String,
    side: usize,
}

impl ReportPart for ThumbnailsPart {
    fn describe(&self) -> Value {
        json!({ "thumbnails": self.name, "side": self.side, "columns": COLUMNS })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        if report.thumbnails.iter().any(|known| known.dataset == self.name) {
            return Ok(());
        }
        let path = shown.artifact("thumbnails")?.join(artifacts::THUMBNAILS);
        let of_set = Part::LABELED.into_iter().filter_map(|part| Some((part, shown.artifact(role(part)).ok()?)));
        let set = ImageDataset::labeled(shown.artifact("dataset")?, &of_set.collect::<Vec<_>>())?;
        let are_test = !set.part(Part::Test).is_empty();
        let part = set.part(if are_test { Part::Test } else { Part::Training });
        let positions = evenly_spaced(part.len(), MAX_SHOWN);
        if positions.is_empty() {
            return Ok(());
        }
        let thumbnail = |&position: &usize| Thumbnail {
            position,
            name: set.name(part.start + position).to_owned(),
            class: set.classes()[set.label(part.start + position)].clone(),
        };
        report.thumbnails.push(Thumbnails {
            dataset: self.name.clone(),
            total: part.len(),
            are_test,
            side: self.side,
            columns: COLUMNS.min(positions.len()),
            jpeg: EncodedImage(files::read(&path)?),
            images: positions.iter().map(thumbnail).collect(),
        });
        Ok(())
    }
}
