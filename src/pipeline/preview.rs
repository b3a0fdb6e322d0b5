//! `preview`: augmented images to look at before training.

use crate::augment::PolicyConfig;
use crate::base::{Error, Result, files};
use crate::dataset::{self, DatasetConfig, ImageDataset, Part};
use crate::pipeline::LoadedStudy;
use crate::stages::dataset::SEED as DATA_SEED;
use crate::stages::pretrain::draw;
use crate::stages::{Augment, Dataset, Pretrain};
use crate::study::Pipeline;
use std::path::Path;

/// Views beside each image.
const VIEWS: usize = 4;

/// Writes a PNG with `count` images and augmented views of each; the policy is that of the first pretraining run unless
/// one is named. The training images are decoded into a temporary directory.
///
/// # Errors
/// There is no such policy, the images cannot be read, or the PNG cannot be written.
pub fn preview(loaded: &LoadedStudy, augment: Option<&str>, count: usize, png: &Path) -> Result<()> {
    let Some(variant) = loaded.study.variants.first() else {
        return Err(Error::bug("a study without variants"));
    };
    let pipeline = &variant.pipeline;
    let (policy, dataset) = policy_and_dataset(pipeline, augment)?;
    let directory =
        tempfile::tempdir().map_err(|error| Error::io("create a temporary directory", std::env::temp_dir(), &error))?;
    let (directory, seed) = (directory.path(), pipeline.seed);
    let memo = directory.join("digests.json");
    dataset::decode_images(dataset, Part::Training, (DATA_SEED, &memo), directory, &|_, _| (), &|| Ok(()))?;
    let set = ImageDataset::unlabeled(&[(Part::Training, directory)])?;
    let images: Vec<usize> = (0..set.len().min(count)).collect();
    files::write_atomic(png, &draw(&set, &images, policy, dataset, (seed, VIEWS))?)
}

/// Returns the policy and the data set: those of the first pretraining run that uses the policy, if any.
fn policy_and_dataset<'a>(pipeline: &'a Pipeline, name: Option<&str>) -> Result<(&'a PolicyConfig, &'a DatasetConfig)> {
    let policies = || pipeline.all::<Augment>();
    let run = pipeline.in_file_order::<Pretrain>().find(|(_, run)| name.is_none_or(|name| run.augment.name() == name));
    let policy = match (name, run) {
        (Some(name), _) => policies().find(|(other, _)| *other == name).ok_or_else(|| {
            let names = policies().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            Error::usage(format!("there is no [augment.{name}] in the pipeline"))
                .help(format!("existing policies: {names}"))
        })?,
        (None, run) => run
            .and_then(|(_, run)| Some((run.augment.name(), pipeline.get(&run.augment)?)))
            .or(policies().next())
            .ok_or_else(|| {
                Error::usage("the pipeline has no augmentation policy").help("add an [augment.NAME] table")
            })?,
    };
    let of_run = run.and_then(|(_, run)| run.dataset(pipeline).ok());
    let dataset = pipeline.all::<Dataset>().find(|(name, _)| of_run.is_none_or(|of_run| of_run == *name));
    let (_, dataset) = dataset.ok_or_else(|| Error::bug("a pipeline without a data set"))?;
    Ok((policy.1, dataset))
}
