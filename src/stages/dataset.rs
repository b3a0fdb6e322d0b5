//! `dataset`: every picture decoded once and kept as bytes.

use crate::base::Result;
use crate::dataset::{self, DatasetConfig, PictureSet};
use crate::engine::{Context, Stage};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Pictures of `shapes` and a test set split off do not change with the pipeline's seed, so that seeds compare.
pub(super) const SEED: u64 = 0;

/// Decodes the pictures of a source.
pub struct DatasetStage {
    /// What the file says of the data set.
    pub config: DatasetConfig,
    /// Digest of the pictures' content.
    pub digest: String,
}

impl Stage for DatasetStage {
    fn name(&self) -> String {
        "dataset".into()
    }

    fn kind(&self) -> &'static str {
        "dataset"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        json!({
            "content": self.digest,
            "image_size": self.config.image_size,
            "stored_side": self.config.stored_side,
            "broken_files": self.config.broken_files,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let progress = |done, total| context.progress(done, total, "pictures decoded");
        let decoded =
            dataset::decode(&self.config, SEED, context.output(), &progress, &|| context.check_interrupted())?;
        for skipped in &decoded.skipped {
            context.warn(format!("skipped {}: {}", skipped.name, skipped.reason));
        }
        Ok(format!("{} pictures", decoded.pictures))
    }
}

/// The pictures of a stage's `dataset` input.
///
/// # Errors
/// The artifact is damaged.
pub fn pictures(context: &Context<'_>) -> Result<Arc<PictureSet>> {
    open(context.input("dataset")?)
}

/// The pictures of a data set artifact.
///
/// # Errors
/// The artifact is damaged.
pub fn open(folder: &Path) -> Result<Arc<PictureSet>> {
    PictureSet::open(folder).map(Arc::new)
}
