//! `linear_eval`: a linear classifier on frozen features, for one depth and one labelled fraction.

use crate::base::Result;
use crate::config::pipeline::{LinearEval, SelectOn};
use crate::dataset::{PictureSet, Split};
use crate::engine::{Context, Stage};
use crate::nn::NamedArray;
use crate::stages::evaluation::{self, Evaluation};
use crate::stages::features::Features;
use crate::stages::{dataset, formats, split};
use crate::train::softmax::{SoftmaxClassifier, SoftmaxTraining, train_softmax};
use crate::train::standardize::Standardizer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Trains and tests a linear classifier.
pub struct LinearEvalStage {
    /// What the file says of this evaluation.
    pub config: LinearEval,
    /// Depth of the features.
    pub depth: usize,
    /// Labelled part of the training set.
    pub fraction: f64,
    /// The pipeline's seed.
    pub seed: u64,
}

impl Stage for LinearEvalStage {
    fn name(&self) -> String {
        evaluation::stage_name("linear_eval", &self.config.name, Some(self.depth), Some(self.fraction))
    }

    fn kind(&self) -> &'static str {
        "linear_eval"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        json!({
            "depth": self.depth,
            "labeled_fraction": self.fraction,
            "label_draw": self.config.label_draw,
            "standardize": self.config.standardize,
            "training": self.config.training,
            "seed": self.seed,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let set = dataset::pictures(context)?;
        let split = split::read(context)?;
        let labeled = split::labeled(&split, &set, self.fraction, self.config.label_draw, self.seed)?;
        let mut features = Features::read(context.input("features")?, self.depth)?;
        if self.config.standardize {
            let rows = features.rows(&labeled);
            let standardizer = Standardizer::fit(features.view(&rows));
            standardizer.apply(&mut features.values);
        }
        let selection = selection(&split, self.config.training.select_on);
        let (classifier, records, best_epoch) = self.train(&features, &set, &labeled, selection)?;
        let predict = |pictures: &[usize]| classifier.probabilities(features.view(&features.rows(pictures)));
        let evaluation = Evaluation {
            labeled: labeled.len(),
            validation: evaluation::accuracy(&predict(&split.validation), &split.validation, &set),
            best_epoch: Some(best_epoch),
            epochs: Some(records.len()),
            width: features.width,
        };
        formats::write_rows(&context.output().join(formats::HISTORY), &records)?;
        formats::write_arrays(&context.output().join("classifier.safetensors"), &arrays(&classifier, features.width))?;
        evaluation.write(context.output(), &set, &split.test, &predict(&split.test))
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        evaluation::comparable(artifact)
    }
}

impl LinearEvalStage {
    fn train(
        &self,
        features: &Features,
        set: &PictureSet,
        labeled: &[usize],
        selection: &[usize],
    ) -> Result<(SoftmaxClassifier, Vec<crate::train::EpochRecord>, usize)> {
        let training = &self.config.training;
        let (labeled_rows, selection_rows) = (features.rows(labeled), features.rows(selection));
        train_softmax(&SoftmaxTraining {
            features: features.view(&labeled_rows),
            labels: &evaluation::labels(set, labeled),
            selection_features: features.view(&selection_rows),
            selection_labels: &evaluation::labels(set, selection),
            classes: set.classes().len(),
            optimizer: &training.optimizer,
            schedule: &training.schedule,
            epochs: training.epochs,
            batch_size: training.batch_size,
            patience: training.patience,
            seed: self.seed,
        })
    }
}

/// The pictures on which the best weights are chosen.
pub fn selection(split: &Split, select_on: SelectOn) -> &[usize] {
    match select_on {
        SelectOn::Validation => &split.validation,
        SelectOn::Test => &split.test,
    }
}

fn arrays(classifier: &SoftmaxClassifier, width: usize) -> Vec<NamedArray> {
    vec![
        NamedArray {
            name: "weight".into(),
            shape: vec![width, classifier.biases.len()],
            values: classifier.weights.clone(),
        },
        NamedArray { name: "bias".into(), shape: vec![classifier.biases.len()], values: classifier.biases.clone() },
    ]
}
