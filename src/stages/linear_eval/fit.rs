//! `linear_eval`: a linear classifier on frozen features, for one depth and one labeled fraction.

use super::{by_epochs, exact};
use crate::base::Result;
use crate::dataset::{ImageDataset, Split};
use crate::engine::{Context, Stage, StageSummary};
use crate::nn::NamedTensor;
use crate::stages::dataset::{self, split};
use crate::stages::linear_eval::{LinearEvalConfig, LinearTraining};
use crate::stages::pretrain::Features;
use crate::stages::shared::artifacts;
use crate::stages::shared::class_weights::ClassWeights;
use crate::stages::shared::evaluation::{self, Evaluation};
use crate::stages::shared::labels::LabelAmount;
use crate::stages::shared::metrics;
use crate::train::softmax::SoftmaxClassifier;
use crate::train::standardize::Standardizer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Trains and tests a linear classifier.
pub(super) struct LinearEvalStage {
    /// Name of the table.
    pub(super) name: String,
    /// The table.
    pub(super) config: Arc<LinearEvalConfig>,
    /// Depth of the features.
    pub(super) depth: usize,
    /// How many training images have labels.
    pub(super) labels: LabelAmount,
    /// The pipeline's seed.
    pub(super) seed: u64,
}

impl Stage for LinearEvalStage {
    fn name(&self) -> String {
        evaluation::stage_name("linear_eval", &self.name, Some(self.depth), Some(self.labels))
    }

    fn kind(&self) -> &'static str {
        "linear_eval"
    }

    fn version(&self) -> u32 {
        3
    }

    fn parameters(&self) -> Value {
        let mut parameters = json!({
            "depth": self.depth,
            "label_draw": self.config.label_draw,
            "standardize": self.config.standardize,
            "training": self.config.training(),
            "seed": self.seed,
        });
        self.labels.describe(&mut parameters);
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let data = LinearEvalData::read(self, context)?;
        let trained = match &self.config.training() {
            LinearTraining::Lbfgs { c, .. } => exact::train(&data, c, context)?,
            LinearTraining::Epochs { epochs, training } => {
                by_epochs::train(&data, *epochs, training, self.seed, context)?
            }
        };
        let (classifier, output) = (&trained.classifier, context.output());
        artifacts::write_arrays(&output.join(artifacts::CLASSIFIER), &arrays(classifier))?;
        evaluation::write_labeled(output, &data.set, &data.labeled)?;
        let predict = |images: &[usize]| classifier.probabilities(data.features.view(&data.features.rows(images)));
        let evaluation = Evaluation {
            validation: evaluation::accuracy(&predict(&data.split.validation), &data.split.validation, &data.set),
            ..trained.evaluation
        };
        evaluation.write(output, &data.set, &data.split.test, &predict(&data.split.test))
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        metrics::comparable(artifact)
    }
}

/// Images, labels and features of a linear evaluation.
pub(super) struct LinearEvalData {
    pub(super) set: Arc<ImageDataset>,
    pub(super) split: Split,
    /// Labeled images.
    pub(super) labeled: Vec<usize>,
    /// Features of all images, not standardized.
    pub(super) features: Features,
    /// Standardization before training, if any.
    pub(super) standardizer: Option<Standardizer>,
    /// Images on which `c` or an epoch is selected.
    pub(super) selection: Vec<usize>,
    /// Weight of each class in the loss, if they differ.
    pub(super) class_weights: Option<Vec<f64>>,
}

impl LinearEvalData {
    fn read(stage: &LinearEvalStage, context: &Context<'_>) -> Result<Self> {
        let config = &stage.config;
        let set = dataset::images(context)?;
        let split = split::read(context, &set)?;
        let labeled = split::labeled(&split, &set, stage.labels, config.label_draw, stage.seed)?;
        let features = Features::read(context.input("features")?, stage.depth, set.len())?;
        let rows = features.rows(&labeled);
        let standardizer = config.standardize.then(|| Standardizer::fit(features.view(&rows)));
        let training = config.training();
        let selection = training.monitored_on().images(&split).to_vec();
        let weights = |weights: &ClassWeights| weights.of(set.classes(), &evaluation::labels(&set, &labeled));
        let class_weights = training.class_weights().map(weights);
        Ok(Self { set, split, labeled, features, standardizer, selection, class_weights })
    }
}

/// A trained classifier, for features as they are saved, and its evaluation before the test images are used.
pub(super) struct TrainedClassifier {
    pub(super) classifier: SoftmaxClassifier,
    pub(super) evaluation: Evaluation,
}

fn arrays(classifier: &SoftmaxClassifier) -> Vec<NamedTensor> {
    let (width, classes) = (classifier.width, classifier.classes);
    vec![
        NamedTensor { name: "weight".into(), shape: vec![width, classes], values: classifier.weights.clone() },
        NamedTensor { name: "bias".into(), shape: vec![classes], values: classifier.biases.clone() },
    ]
}
