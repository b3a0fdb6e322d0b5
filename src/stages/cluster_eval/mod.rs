//! `[cluster_eval.NAME]`: clusters of frozen features compared with the classes, for each depth.

mod agreement;
mod kmeans;
mod matching;

use crate::base::{Result, human};
use crate::engine::{Context, Cost, Stage, StageSummary};
use crate::render::data::Report;
use crate::render::{Cell, CellFormat, StageColumn, StageTable};
use crate::stages::dataset::{self, Dataset, split};
use crate::stages::pretrain::{Features, Pretrain, PretrainNode, add_features};
use crate::stages::shared::depths::{self, encoder_output, widths};
use crate::stages::shared::evaluation::{self, EvaluationTarget};
use crate::stages::shared::labels::check_labeled;
use crate::stages::shared::statistics::{BatchNormStatistics, BatchOrder, StatisticsKeys};
use crate::stages::shared::subset::Subset;
use crate::stages::shared::{artifacts, cost};
use crate::study::{Check, DataCheck, DataFacts, Expansion, Ref, ReportPart, Shown, StageKind, VariantLabel};
use agreement::{Agreement, agreement};
use kmeans::{KMeans, kmeans};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The section `cluster_eval`.
pub struct ClusterEval;

/// k-means clusters of frozen features of a pretraining stage, compared with the classes.
///
/// Labels take no part in the clustering: it shows how far the classes are already apart in the features.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClusterEval")]
pub struct ClusterEvalConfig {
    /// Name of the pretraining stage.
    pub from: Ref<Pretrain>,
    /// Name of the data set, `[dataset.NAME]`. Default: that of the pretraining stage.
    pub dataset: Option<Ref<Dataset>>,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    #[schemars(extend("x-each" = true))]
    pub depths: Vec<usize>,
    /// Images to cluster.
    #[serde(default)]
    pub subset: Subset,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[schemars(range(min = 2))]
    pub statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub statistics_order: Option<BatchOrder>,
    /// Number of clusters; at most the number of images. Default: the number of classes.
    #[schemars(range(min = 1))]
    pub clusters: Option<usize>,
    /// Number of starts from centers sampled by k-means++, of which the one with the lowest sum of squared distances is
    /// kept.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1000))]
    pub restarts: usize,
    /// Maximum number of Lloyd iterations per start; one that no longer changes anything ends earlier.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub iterations: usize,
    /// Whether feature vectors are scaled to unit norm first, so that distances are those of the cosine similarity.
    #[serde(default = "yes")]
    pub normalize: bool,
}

fn ten() -> usize {
    10
}

fn three_hundred() -> usize {
    300
}

fn yes() -> bool {
    true
}

impl ClusterEvalConfig {
    fn statistics(&self) -> StatisticsKeys {
        StatisticsKeys { statistics: self.statistics, batch: self.statistics_batch, order: self.statistics_order }
    }

    fn target(&self) -> EvaluationTarget<'_> {
        EvaluationTarget { from: &self.from, dataset: self.dataset.as_ref() }
    }

    fn clusters(&self, facts: &DataFacts) -> usize {
        self.clusters.unwrap_or(facts.classes.len())
    }
}

impl StageKind for ClusterEval {
    const SECTION: &'static str = "cluster_eval";
    type Config = ClusterEvalConfig;

    fn check(config: &ClusterEvalConfig, check: &mut Check<'_>) {
        depths::check(&config.depths, &config.from, check);
        config.statistics().check(check);
    }

    fn check_data(config: &ClusterEvalConfig, check: &mut DataCheck<'_>) {
        let Ok(name) = config.target().dataset(check.pipeline()) else { return };
        let Ok(facts) = check.facts(name) else { return };
        if !check_labeled(name, facts, check) {
            return;
        }
        let (images, clusters) = (config.subset.count(facts), config.clusters(facts));
        if images == 0 {
            check.report(&["subset"], "there are no images to cluster", "choose another `subset`".to_owned());
        } else if clusters > images {
            let (clusters, images) = (human::count(clusters, "cluster"), human::count(images, "image"));
            let help = "set `clusters` to less, or `subset = \"all\"`".to_owned();
            check.report(&["clusters"], format!("{clusters} of {images}: a cluster needs at least one"), help);
        }
    }

    fn expand(config: &ClusterEvalConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let dataset = config.target().dataset(expansion.pipeline())?;
        let facts = expansion.facts(dataset)?;
        let node = expansion.provided::<Pretrain, PretrainNode>(config.from.name())?;
        let inputs = add_features(&node, dataset, config.statistics().resolve(), expansion)?;
        let widths = widths(&node.pretrained.config, facts.config.image_size)?;
        let name = expansion.name().to_owned();
        let kmeans = KMeans {
            clusters: config.clusters(facts),
            restarts: config.restarts,
            iterations: config.iterations,
            seed: expansion.pipeline().seed,
        };
        for &depth in &config.depths {
            let (subset, normalize) = (config.subset, config.normalize);
            let stage = ClusterEvalStage { name: name.clone(), kmeans, depth, subset, normalize };
            let id = expansion.add(stage, &inputs)?;
            expansion.cost(id, cost(kmeans, subset, widths[depth], facts));
            let part = ClusterPart {
                stage: format!("cluster_eval.{name}"),
                from: config.from.name().to_owned(),
                is_untrained: node.pretrained.config.is_untrained(),
                features: depths::label(depth, widths[depth]),
            };
            expansion.show(&[("clusters", id)], part);
        }
        Ok(())
    }
}

/// Distances of all images from all centers in every iteration: MACs.
fn cost(kmeans: KMeans, subset: Subset, width: usize, facts: &DataFacts) -> Cost {
    let images = subset.count(facts);
    let distances = images as f64 * kmeans.clusters as f64 * width as f64;
    let work = distances * (kmeans.restarts * (kmeans.iterations + 1)) as f64;
    // The features as they are saved, those of the images, and those relative to their mean.
    Cost { work, memory: cost::features_memory(facts.all() + 2 * images + kmeans.clusters, width) }
}

/// Clusters the features of one depth.
struct ClusterEvalStage {
    name: String,
    kmeans: KMeans,
    depth: usize,
    subset: Subset,
    normalize: bool,
}

/// The file `metrics.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Metrics {
    #[serde(flatten)]
    agreement: Agreement,
    /// Number of images.
    images: usize,
    /// Number of clusters.
    clusters: usize,
    /// Sum of the squared distances of the images from the means of their clusters.
    inertia: f64,
    /// Lloyd iterations of the start that was kept.
    iterations: usize,
    /// Values of a feature vector.
    width: usize,
}

impl Metrics {
    fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(artifacts::METRICS);
        let metrics: Self = artifacts::read_json(&path)?;
        let Agreement { nmi, adjusted_rand, purity, clustering_accuracy, largest_class } = metrics.agreement;
        let is_fraction = |value: f64| (0.0..=1.0).contains(&value);
        if [nmi, purity, clustering_accuracy, largest_class, adjusted_rand.abs()].into_iter().all(is_fraction) {
            return Ok(metrics);
        }
        Err(artifacts::impossible(&path, "a measure of agreement is out of range"))
    }
}

/// A row of `clusters.csv`.
#[derive(Serialize)]
struct ClusteredImage<'a> {
    image: String,
    class: &'a str,
    /// Number of the cluster, from 0.
    cluster: usize,
}

impl Stage for ClusterEvalStage {
    fn name(&self) -> String {
        evaluation::stage_name("cluster_eval", &self.name, Some(self.depth), None)
    }

    fn kind(&self) -> &'static str {
        "cluster_eval"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        let KMeans { clusters, restarts, iterations, seed } = self.kmeans;
        json!({
            "depth": self.depth, "subset": self.subset, "normalize": self.normalize, "clusters": clusters,
            "restarts": restarts, "iterations": iterations, "seed": seed,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::images(context)?;
        let images = self.subset.images(split::read(context, &set)?);
        let features = Features::read(context.input("features")?, self.depth, set.len())?;
        let rows = features.rows(&images);
        let rows = if self.normalize { features.view(&rows).normalized_rows() } else { rows };
        let clustering = kmeans(self.kmeans, features.view(&rows), &|restart| {
            context.progress(restart as u64, self.kmeans.restarts as u64, "k-means");
            context.check_interrupted()
        })?;
        let clustered = images.iter().zip(&clustering.assigned).map(|(image, cluster)| ClusteredImage {
            image: set.name(*image),
            class: &set.classes()[set.label(*image)],
            cluster: *cluster,
        });
        artifacts::write_rows(&context.output().join(CLUSTERS), clustered)?;
        let agreement = agreement(&evaluation::labels(&set, &images), &clustering.assigned);
        let metrics = Metrics {
            agreement,
            images: images.len(),
            clusters: self.kmeans.clusters,
            inertia: clustering.inertia,
            iterations: clustering.iterations,
            width: features.width,
        };
        artifacts::write_json(&context.output().join(artifacts::METRICS), &metrics)?;
        let Agreement { nmi, adjusted_rand, purity, .. } = agreement;
        let summary = StageSummary::default().number("NMI", nmi).number("ARI", adjusted_rand);
        Ok(summary.number("purity", purity))
    }

    fn metrics(&self, artifact: &Path) -> BTreeMap<String, f64> {
        let Ok(Metrics { agreement, .. }) = Metrics::read(artifact) else { return BTreeMap::new() };
        let Agreement { nmi, adjusted_rand, purity, clustering_accuracy, .. } = agreement;
        let measures = [
            ("nmi", nmi),
            ("adjusted_rand", adjusted_rand),
            ("purity", purity),
            ("clustering_accuracy", clustering_accuracy),
        ];
        measures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The cluster of each image.
const CLUSTERS: &str = "clusters.csv";

/// A row of the report's table of clusterings.
#[derive(Debug, Serialize)]
struct ClusterPart {
    stage: String,
    from: String,
    is_untrained: bool,
    features: String,
}

impl ReportPart for ClusterPart {
    fn describe(&self) -> Value {
        json!({ "cluster_eval": self })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let Metrics { agreement, images, clusters, .. } = Metrics::read(shown.artifact("clusters")?)?;
        let measures = [
            images.into(),
            clusters.into(),
            agreement.nmi.into(),
            agreement.adjusted_rand.into(),
            agreement.purity.into(),
            agreement.largest_class.into(),
            agreement.clustering_accuracy.into(),
        ];
        self.add(shown.variant, measures, report);
        Ok(())
    }

    fn collect_missing(&self, variant: &VariantLabel, report: &mut Report) {
        self.add(variant, [const { Cell::Missing }; MEASURES], report);
    }
}

/// Number of columns with numbers.
const MEASURES: usize = 7;

const EXPLANATION: &str = "k-means clusters of the features compared with the classes, where 1 or 100 % is a perfect match: \
     normalized mutual information (NMI); the adjusted Rand index (ARI), 0 on average for random clusters; the purity, the \
     fraction of the images in the most frequent class of their cluster, which is never below the fraction of the largest \
     class; and the accuracy of the best one-to-one matching of classes and clusters.";

impl ClusterPart {
    fn add(&self, variant: &VariantLabel, measures: [Cell; MEASURES], report: &mut Report) {
        let encoder = if self.is_untrained { "untrained" } else { "pretrained" };
        let place = [&self.stage, &self.from, encoder, &self.features, &variant.label].map(Cell::from);
        report.table(table()).rows.push(place.into_iter().chain(measures).collect());
    }
}

/// Returns the table of clusterings without its rows.
fn table() -> StageTable {
    let columns = [
        ("Stage", CellFormat::Text),
        ("Pretraining run", CellFormat::Text),
        ("Encoder", CellFormat::Text),
        ("Features", CellFormat::Text),
        ("Variant", CellFormat::Text),
        ("Images", CellFormat::Count),
        ("Clusters", CellFormat::Count),
        ("NMI", CellFormat::Decimals(3)),
        ("ARI", CellFormat::Decimals(3)),
        ("Purity", CellFormat::Percent),
        ("Largest class", CellFormat::Percent),
        ("Accuracy", CellFormat::Percent),
    ];
    StageTable {
        title: "Clustering".to_owned(),
        explanation: EXPLANATION.to_owned(),
        columns: columns.map(|(name, format)| StageColumn::new(name, format)).into(),
        rows: Vec::new(),
    }
}

/// Values of scikit-learn, written by `tests/golden/clustering.py`.
#[cfg(test)]
fn golden() -> golden::Golden {
    serde_json::from_str(include_str!("../../../tests/golden/clustering.json")).unwrap()
}

#[cfg(test)]
mod golden {
    #[derive(serde::Deserialize)]
    pub(super) struct Golden {
        pub(super) agreement: Vec<AgreementCase>,
        pub(super) kmeans: Vec<KMeansCase>,
    }

    #[derive(serde::Deserialize)]
    pub(super) struct AgreementCase {
        pub(super) name: String,
        pub(super) labels: Vec<usize>,
        pub(super) clusters: Vec<usize>,
        pub(super) nmi: f64,
        pub(super) adjusted_rand: f64,
        pub(super) purity: f64,
        pub(super) clustering_accuracy: f64,
    }

    #[derive(serde::Deserialize)]
    pub(super) struct KMeansCase {
        pub(super) rows: usize,
        pub(super) width: usize,
        pub(super) points: Vec<f32>,
        /// Rows that are the first centers.
        pub(super) start: Vec<usize>,
        pub(super) clusters: Vec<usize>,
        pub(super) inertia: f64,
        /// The lowest of many starts.
        pub(super) best_inertia: f64,
    }
}
