//! `[knn_eval.NAME]`: k nearest neighbors among frozen features, for each depth and labeled fraction.

use crate::analysis::{KnnConfig, knn};
use crate::base::Result;
use crate::engine::{Context, Cost, Stage, StageSummary};
use crate::render::data::EvaluationKind;
use crate::stages::dataset::{self, Dataset, split};
use crate::stages::pretrain::{Features, Pretrain, PretrainNode, add_features};
use crate::stages::shared::cost;
use crate::stages::shared::depths::{self, encoder_output, grid, widths};
use crate::stages::shared::evaluation::{self, Evaluation, EvaluationTarget};
use crate::stages::shared::labels::{
    Counts, Fractions, LabelAmount, LabelSampling, check_amounts, check_labeled, check_labels,
};
use crate::stages::shared::metrics;
use crate::stages::shared::results::{Evaluated, ResultPart};
use crate::stages::shared::statistics::{BatchNormStatistics, BatchOrder, StatisticsKeys};
use crate::study::{Check, DataCheck, DataFacts, Expansion, Ref, StageKind, labeled_count};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The section `knn_eval`.
pub struct KnnEval;

/// Weighted k-nearest-neighbors classification of frozen features of a pretraining stage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KnnEval")]
pub struct KnnEvalConfig {
    /// Name of the pretraining stage.
    pub from: Ref<Pretrain>,
    /// Name of the data set, `[dataset.NAME]`. Default: that of the pretraining stage.
    pub dataset: Option<Ref<Dataset>>,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    #[schemars(extend("x-each" = true))]
    pub depths: Vec<usize>,
    /// Labeled fraction of the training set that is searched for neighbors, or a list of fractions, each evaluated
    /// separately.
    #[serde(default)]
    pub labeled_fraction: Fractions,
    /// Number of labeled training images of each class, or a list of numbers, each evaluated separately, instead of
    /// `labeled_fraction`.
    pub labels_per_class: Option<Counts>,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[schemars(range(min = 2))]
    pub statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub statistics_order: Option<BatchOrder>,
    /// Number of neighbors that vote; at most the number of labeled images.
    #[serde(default = "neighbors")]
    #[schemars(range(min = 1))]
    pub k: usize,
    /// Temperature of the votes; a vote is weighted by exp(cosine similarity / temperature).
    #[serde(default = "temperature")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub temperature: f64,
}

fn neighbors() -> usize {
    KnnConfig::default().k
}

fn temperature() -> f64 {
    KnnConfig::default().temperature
}

impl KnnEvalConfig {
    fn statistics(&self) -> StatisticsKeys {
        StatisticsKeys { statistics: self.statistics, batch: self.statistics_batch, order: self.statistics_order }
    }

    /// Returns the amounts of labels, each of which is evaluated separately.
    fn amounts(&self) -> Vec<LabelAmount> {
        LabelAmount::all(&self.labeled_fraction, self.labels_per_class.as_ref())
    }

    fn target(&self) -> EvaluationTarget<'_> {
        EvaluationTarget { from: &self.from, dataset: self.dataset.as_ref() }
    }
}

impl StageKind for KnnEval {
    const SECTION: &'static str = "knn_eval";
    type Config = KnnEvalConfig;

    fn check(config: &KnnEvalConfig, check: &mut Check<'_>) {
        depths::check(&config.depths, &config.from, check);
        config.statistics().check(check);
        check_amounts(&config.labeled_fraction, config.labels_per_class.as_ref(), LabelSampling::Stratified, check);
    }

    fn check_data(config: &KnnEvalConfig, check: &mut DataCheck<'_>) {
        let Ok(name) = config.target().dataset(check.pipeline()) else { return };
        let Ok(facts) = check.facts(name) else { return };
        if !check_labeled(name, facts, check) {
            return;
        }
        check_labels(
            &config.labeled_fraction,
            config.labels_per_class.as_ref(),
            LabelSampling::Stratified,
            facts,
            check,
        );
        for labels in config.amounts() {
            let labeled = facts.total(|class| match labels {
                LabelAmount::Fraction(fraction) => labeled_count(fraction, class.train),
                LabelAmount::PerClass(count) => count,
            });
            if labeled > 0 && config.k > labeled {
                let available = match labels {
                    LabelAmount::Fraction(fraction) => format!("the labeled fraction {fraction} has"),
                    LabelAmount::PerClass(_) => format!("{labels} are"),
                };
                let message = format!("`k` is {}, but {available} only {labeled} images", config.k);
                check.report(&["k"], message, format!("set `k` to at most {labeled}"));
                return;
            }
        }
    }

    fn expand(config: &KnnEvalConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let dataset = config.target().dataset(expansion.pipeline())?;
        let facts = expansion.facts(dataset)?;
        let node = expansion.provided::<Pretrain, PretrainNode>(config.from.name())?;
        let inputs = add_features(&node, dataset, config.statistics().resolve(), expansion)?;
        let widths = widths(&node.pretrained.config, facts.config.image_size)?;
        let (seed, name) = (expansion.pipeline().seed, expansion.name().to_owned());
        for (depth, labels) in grid(&config.depths, &config.amounts()) {
            let knn = KnnConfig { k: config.k, temperature: config.temperature };
            let id = expansion.add(KnnEvalStage { name: name.clone(), knn, depth, labels, seed }, &inputs)?;
            expansion.cost(id, cost(widths[depth], labels, facts));
            let stage = format!("knn_eval.{name}");
            let evaluated = Evaluated::of_features(
                stage,
                &node,
                (depth, widths[depth]),
                (labels, dataset, facts),
                expansion.pipeline(),
            );
            expansion.show(&[("result", id)], ResultPart { kind: EvaluationKind::Knn, curve: None, evaluated });
        }
        Ok(())
    }
}

/// Returns the cost of comparing all validation and test images with all labeled ones; work in MACs.
fn cost(width: usize, labels: LabelAmount, facts: &DataFacts) -> Cost {
    let labeled = labels.count(facts);
    let work = (labeled * (facts.validation() + facts.test())) as f64 * width as f64;
    Cost { work, memory: cost::features_memory(facts.all() + labeled, width) }
}

/// Classifies test images by their neighbors.
struct KnnEvalStage {
    name: String,
    knn: KnnConfig,
    depth: usize,
    labels: LabelAmount,
    seed: u64,
}

impl Stage for KnnEvalStage {
    fn name(&self) -> String {
        evaluation::stage_name("knn_eval", &self.name, Some(self.depth), Some(self.labels))
    }

    fn kind(&self) -> &'static str {
        "knn_eval"
    }

    fn version(&self) -> u32 {
        3
    }

    fn parameters(&self) -> Value {
        let mut parameters = json!({ "depth": self.depth, "knn": self.knn, "seed": self.seed });
        self.labels.describe(&mut parameters);
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::images(context)?;
        let split = split::read(context, &set)?;
        let labeled = split::labeled(&split, &set, self.labels, LabelSampling::Stratified, self.seed)?;
        let features = Features::read(context.input("features")?, self.depth, set.len())?;
        let (labeled_rows, labels) = (features.rows(&labeled), evaluation::labels(&set, &labeled));
        let scores = |images: &[usize]| {
            let queries = features.rows(images);
            knn(&self.knn, features.view(&labeled_rows), &labels, features.view(&queries), set.classes().len()).scores
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
        metrics::comparable(artifact)
    }
}
