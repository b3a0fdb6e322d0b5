//! `preview`: augmented images to look at before training.

use crate::augment::PolicyConfig;
use crate::base::{Error, Result, files};
use crate::config::LoadedStudy;
use crate::config::pipeline::Pipeline;
use crate::dataset::{self, Split};
use crate::stages::dataset::{SEED as DATA_SEED, open};
use crate::stages::pairs;
use std::path::Path;

/// Draws `count` images with augmented views of each into a PNG; the policy is that of the first pretraining unless
/// one is named. The images are decoded into a temporary directory.
///
/// # Errors
/// There is no such policy, the images cannot be read, or the PNG cannot be written.
pub fn preview(loaded: &LoadedStudy, augment: Option<&str>, count: usize, png: &Path) -> Result<()> {
    let Some(variant) = loaded.study.variants.first() else {
        return Err(Error::bug("a study without variants"));
    };
    let pipeline = &variant.pipeline;
    let policy = policy(pipeline, augment)?;
    let directory =
        tempfile::tempdir().map_err(|error| Error::io("create a temporary directory", std::env::temp_dir(), &error))?;
    dataset::decode(&pipeline.dataset, DATA_SEED, directory.path(), &|_, _| (), &|| Ok(()))?;
    let set = open(directory.path())?;
    let train = Split::sample(set.labels(), set.test_flags(), pipeline.dataset.validation_fraction, pipeline.seed).train;
    let images = pairs::one_of_each_class(&set, &train, count);
    files::write_atomic(png, &pairs::draw(&set, &images, policy, &pipeline.dataset, pipeline.seed)?)
}

fn policy<'a>(pipeline: &'a Pipeline, name: Option<&str>) -> Result<&'a PolicyConfig> {
    let names = || pipeline.augment.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => pipeline.augment.get(name).ok_or_else(|| {
            Error::usage(format!("there is no [augment.{name}] in the pipeline")).help(format!("there is: {}", names()))
        }),
        None => pipeline
            .pretrain
            .first()
            .map(|stage| &stage.policy)
            .or(pipeline.augment.values().next())
            .ok_or_else(|| Error::usage("the pipeline augments nothing").help("add an [augment.NAME] table")),
    }
}
