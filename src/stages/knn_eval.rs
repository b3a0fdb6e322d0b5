//! `knn_eval`: k nearest neighbors among frozen features, for one depth and one labeled fraction.

use crate::analysis::knn;
use crate::base::Result;
use crate::config::pipeline::{KnnEval, LabelSampling};
use crate::engine::{Context, Stage};
use crate::stages::evaluation::{self, Evaluation};
use crate::stages::features::Features;
use crate::stages::{dataset, split};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Classifies the test images by their neighbors.
pub struct KnnEvalStage {
    /// What the file says of this evaluation.
    pub config: KnnEval,
    /// Depth of the features.
    pub depth: usize,
    /// Labeled part of the training set.
    pub fraction: f64,
    /// The pipeline's seed.
    pub seed: u64,
}

impl Stage for KnnEvalStage {
    fn name(&self) -> String {
        evaluation::stage_name("knn_eval", &self.config.name, Some(self.depth), Some(self.fraction))
    }

    fn kind(&self) -> &'static str {
        "knn_eval"
    }

    fn version(&self) -> u32 {
        2
    }

    fn parameters(&self) -> Value {
        json!({ "depth": self.depth, "labeled_fraction": self.fraction, "knn": self.config.knn, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let set = dataset::images(context)?;
        let split = split::read(context, &set)?;
        let labeled = split::labeled(&split, &set, self.fraction, LabelSampling::Stratified, self.seed)?;
        let features = Features::read(context.input("features")?, self.depth, set.len())?;
        let (known, labels) = (features.rows(&labeled), evaluation::labels(&set, &labeled));
        let scores = |images: &[usize]| {
            let asked = features.rows(images);
            knn(&self.config.knn, features.view(&known), &labels, features.view(&asked), set.classes().len()).scores
        };
        let evaluation = Evaluation {
            labeled: labeled.len(),
            validation: evaluation::accuracy(&scores(&split.validation), &split.validation, &set),
            width: features.width,
            ..Evaluation::default()
        };
        evaluation::write_labeled(context.output(), &set, &labeled)?;
        evaluation.write(context.output(), &set, &split.test, &scores(&split.test))
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        evaluation::comparable(artifact)
    }
}
