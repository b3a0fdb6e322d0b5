//! `dataset`: names and labels of decoded images.

use crate::base::{Error, Result};
use crate::dataset::{self, DatasetConfig, Fingerprint, ImageDataset, Part, SourceFile};
use crate::engine::{Context, Stage, StageSummary};
use crate::stages::dataset::changes::changed_files;
use crate::stages::shared::artifacts;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The files of the source with their digests, so that a later plan can say which of them changed.
const FILES: &str = "files.csv";

/// Names and labels the images of a source.
pub(super) struct DatasetStage {
    /// Name of the table; empty for `[dataset]`.
    pub(super) name: String,
    /// What the file says of the data set.
    pub(super) config: DatasetConfig,
    /// What the source held when the run began.
    pub(super) fingerprint: Fingerprint,
    /// File that remembers digests of image files.
    pub(super) memo: PathBuf,
}

impl Stage for DatasetStage {
    fn name(&self) -> String {
        super::stage_name("dataset", &self.name)
    }

    fn kind(&self) -> &'static str {
        "dataset"
    }

    /// 6: without the pixels, duplicates, and the number of files that are not images.
    fn version(&self) -> u32 {
        6
    }

    fn parameters(&self) -> Value {
        json!({ "content": self.fingerprint.content })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let parts = super::parts(context, &Part::LABELED);
        let labeled = dataset::label_images(&self.config, &self.memo, context.output(), &parts)?;
        self.check_unchanged()?;
        artifacts::write_rows(&context.output().join(FILES), self.fingerprint.files.iter())?;
        let set = ImageDataset::labeled(context.output(), &parts)?;
        let summary = StageSummary::default().count("images", labeled.images);
        Ok(if set.has_labels() { summary.count("classes", set.classes().len()) } else { summary.text("no labels") })
    }

    fn explain(&self, parameter: &str, artifact: &Path) -> Option<String> {
        if parameter != "content.files" {
            return None;
        }
        let files = artifacts::read_rows::<SourceFile>(&artifact.join(FILES)).ok()?;
        changed_files(&files.into_iter().collect(), &self.fingerprint.files)
    }
}

impl DatasetStage {
    /// The artifact's key says what the source held when the run began; it must not hold other images or labels.
    fn check_unchanged(&self) -> Result<()> {
        let now = dataset::fingerprint(&self.config, &self.memo)?;
        if now.content == self.fingerprint.content {
            return Ok(());
        }
        let changes = changed_files(&self.fingerprint.files, &now.files).unwrap_or_default();
        Err(Error::stage(format!("the images changed while they were read: {changes}"))
            .help("run again when they are complete"))
    }
}
