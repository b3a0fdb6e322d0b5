//! `[embed.NAME]`: features as points in the plane, for each depth.

use crate::analysis::config::{EmbedMethod, TsneConfig};
use crate::analysis::{principal_components, tsne};
use crate::base::Result;
use crate::engine::{Context, Cost, Stage, StageSummary};
use crate::render::data::{EmbeddingPanel, Report};
use crate::stages::dataset::{self, Dataset, split};
use crate::stages::pretrain::{Features, Pretrain, PretrainNode, add_features};
use crate::stages::shared::depths::{self, encoder_output, widths};
use crate::stages::shared::evaluation::EvaluationTarget;
use crate::stages::shared::statistics::{BatchNormStatistics, BatchOrder, StatisticsKeys};
use crate::stages::shared::subset::Subset;
use crate::stages::shared::{artifacts, cost, evaluation};
use crate::study::{Check, DataCheck, DataFacts, Expansion, Ref, ReportPart, Shown, StageKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// The section `embed`.
pub struct Embed;

/// A two-dimensional embedding of the features of a pretraining stage.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Embed")]
pub struct EmbedConfig {
    /// Name of the pretraining stage.
    pub from: Ref<Pretrain>,
    /// Name of the data set, `[dataset.NAME]`. Default: that of the pretraining stage.
    pub dataset: Option<Ref<Dataset>>,
    /// Depths at which features are taken: 0 is the encoder output h, k the output of projection layer k.
    #[serde(default = "encoder_output")]
    #[schemars(extend("x-each" = true))]
    pub depths: Vec<usize>,
    /// Images to embed. Default: `"test"`, or `"train"` if there are no test images.
    pub subset: Option<Subset>,
    /// Batch-norm statistics that the encoder uses when features are computed.
    #[serde(default)]
    pub statistics: BatchNormStatistics,
    /// Images per batch with `statistics = "batch"`. Default: 64; Keras' `predict` uses 32.
    #[schemars(range(min = 2))]
    pub statistics_batch: Option<usize>,
    /// Order in which images are grouped into these batches. Default: `"dataset"`.
    pub statistics_order: Option<BatchOrder>,
    /// The method.
    #[serde(default = "tsne_method")]
    pub method: EmbedMethod,
}

fn tsne_method() -> EmbedMethod {
    EmbedMethod::Tsne(TsneConfig { perplexity: 30.0, iterations: 1000 })
}

/// Neighbors that t-SNE uses per unit of perplexity (van der Maaten 2014).
const NEIGHBORS_PER_PERPLEXITY: f64 = 3.0;

impl EmbedConfig {
    fn statistics(&self) -> StatisticsKeys {
        StatisticsKeys { statistics: self.statistics, batch: self.statistics_batch, order: self.statistics_order }
    }

    fn subset(&self, facts: &DataFacts) -> Subset {
        self.subset.unwrap_or(if facts.test() > 0 { Subset::Test } else { Subset::Train })
    }

    fn target(&self) -> EvaluationTarget<'_> {
        EvaluationTarget { from: &self.from, dataset: self.dataset.as_ref() }
    }
}

impl StageKind for Embed {
    const SECTION: &'static str = "embed";
    type Config = EmbedConfig;

    fn check(config: &EmbedConfig, check: &mut Check<'_>) {
        depths::check(&config.depths, &config.from, check);
        config.statistics().check(check);
    }

    fn check_data(config: &EmbedConfig, check: &mut DataCheck<'_>) {
        let Ok(name) = config.target().dataset(check.pipeline()) else { return };
        let Ok(facts) = check.facts(name) else { return };
        let images = config.subset(facts).count(facts);
        if images == 0 {
            check.report(&["subset"], "there are no images to embed", "choose another `subset`".to_owned());
            return;
        }
        let EmbedMethod::Tsne(tsne) = &config.method else { return };
        let max_perplexity = (images.saturating_sub(1) as f64 / NEIGHBORS_PER_PERPLEXITY).floor();
        if tsne.perplexity > max_perplexity {
            let message = format!("a perplexity of {} is too large for {images} images", tsne.perplexity);
            let help = if max_perplexity < 2.0 {
                "t-SNE needs more images: use `method = { pca = {} }`".to_owned()
            } else {
                format!("set `perplexity` to at most {max_perplexity}: t-SNE uses three times as many neighbors")
            };
            check.report(&["method", "tsne", "perplexity"], message, help);
        }
    }

    fn expand(config: &EmbedConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        let dataset = config.target().dataset(expansion.pipeline())?;
        let facts = expansion.facts(dataset)?;
        let node = expansion.provided::<Pretrain, PretrainNode>(config.from.name())?;
        let inputs = add_features(&node, dataset, config.statistics().resolve(), expansion)?;
        let widths = widths(&node.pretrained.config, facts.config.image_size)?;
        let (seed, name) = (expansion.pipeline().seed, expansion.name().to_owned());
        for &depth in &config.depths {
            let (method, subset) = (config.method.clone(), config.subset(facts));
            let stage = EmbedStage { name: name.clone(), method, subset, depth, seed };
            let id = expansion.add(stage, &inputs)?;
            expansion.cost(id, cost(config, widths[depth], facts));
            let part = PanelPart {
                name: name.clone(),
                from: config.from.name().to_owned(),
                dataset: dataset.to_owned(),
                depth,
                width: widths[depth],
                method: match &config.method {
                    EmbedMethod::Tsne(tsne) => format!("t-SNE, perplexity {}", tsne.perplexity),
                    EmbedMethod::Pca(_) => "PCA".to_owned(),
                },
            };
            expansion.show(&[("embedding", id)], part);
        }
        Ok(())
    }
}

/// Returns the cost of an embedding; work in updates of a point.
fn cost(config: &EmbedConfig, width: usize, facts: &DataFacts) -> Cost {
    /// PCA takes about as long as this many iterations of t-SNE.
    const PCA_ITERATIONS: usize = 10;
    let shown = config.subset(facts).count(facts);
    let iterations = match &config.method {
        EmbedMethod::Tsne(tsne) => tsne.iterations,
        EmbedMethod::Pca(_) => PCA_ITERATIONS,
    };
    Cost { work: (shown * iterations) as f64, memory: cost::features_memory(facts.all() + 2 * shown, width) }
}

/// Embeds the features of one depth.
struct EmbedStage {
    name: String,
    method: EmbedMethod,
    subset: Subset,
    depth: usize,
    seed: u64,
}

/// Fractions of the variance that the axes of a PCA explain, in its artifact.
const EXPLAINED: &str = "explained.json";

/// A point of an embedding: a row of `embedding.csv`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Point {
    /// Name of the image.
    image: String,
    /// Its class.
    class: String,
    /// Horizontal coordinate.
    x: f32,
    /// Vertical coordinate.
    y: f32,
}

impl Stage for EmbedStage {
    fn name(&self) -> String {
        evaluation::stage_name("embed", &self.name, Some(self.depth), None)
    }

    fn kind(&self) -> &'static str {
        "embed"
    }

    fn version(&self) -> u32 {
        2
    }

    fn parameters(&self) -> Value {
        let mut parameters =
            json!({ "depth": self.depth, "subset": self.subset, "method": self.method, "seed": self.seed });
        // Only for PCA, so that artifacts of t-SNE keep their keys.
        if matches!(self.method, EmbedMethod::Pca(_)) {
            parameters["explained"] = json!(true);
        }
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::images(context)?;
        let images = self.subset.images(split::read(context, &set)?);
        let features = Features::read(context.input("features")?, self.depth, set.len())?;
        let rows = features.rows(&images);
        let view = features.view(&rows);
        let plane = match &self.method {
            EmbedMethod::Tsne(config) => {
                tsne(view, config, self.seed, &|done, total| context.progress(done, total, "iterations"))?
            }
            EmbedMethod::Pca(_) => {
                let components = principal_components(view, 2);
                artifacts::write_json(&context.output().join(EXPLAINED), &components.explained_variance_ratio)?;
                components.points
            }
        };
        let points = images.iter().zip(plane.chunks_exact(2)).map(|(image, point)| Point {
            image: set.name(*image).to_owned(),
            class: set.classes()[set.label(*image)].clone(),
            x: point[0],
            y: point[1],
        });
        artifacts::write_rows(&context.output().join(artifacts::EMBEDDING), points)?;
        Ok(StageSummary::default().count("points", images.len()))
    }
}

/// The panel of an embedding in the report.
#[derive(Debug, Serialize)]
struct PanelPart {
    name: String,
    from: String,
    /// Left out of the key for `[dataset]`.
    #[serde(skip_serializing_if = "String::is_empty")]
    dataset: String,
    depth: usize,
    width: usize,
    method: String,
}

impl ReportPart for PanelPart {
    fn describe(&self) -> Value {
        json!({ "embed": self })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        report.embeddings.push(EmbeddingPanel {
            stage: format!("embed.{}", self.name),
            from: self.from.clone(),
            dataset: self.dataset.clone(),
            depth: self.depth,
            depth_label: depths::label(self.depth, self.width),
            method: self.method.clone(),
            variant: shown.variant.label.clone(),
            explained: explained(shown.artifact("embedding")?)?,
            ..points(shown.artifact("embedding")?)?
        });
        Ok(())
    }
}

/// Reads the fractions of the variance that the axes explain, if they are principal components.
fn explained(directory: &Path) -> Result<Option<(f64, f64)>> {
    let path = directory.join(EXPLAINED);
    if !path.exists() {
        return Ok(None);
    }
    match artifacts::read_json::<Vec<f64>>(&path)?.as_slice() {
        [first, second] if first.is_finite() && second.is_finite() => Ok(Some((*first, *second))),
        _ => Err(artifacts::impossible(&path, "it does not hold two fractions")),
    }
}

/// Reads the points, labels and classes of an embedding; the rest is left empty.
fn points(directory: &Path) -> Result<EmbeddingPanel> {
    let path = directory.join(artifacts::EMBEDDING);
    let rows: Vec<Point> = artifacts::read_rows(&path)?;
    if !rows.iter().all(|row| row.x.is_finite() && row.y.is_finite()) {
        return Err(artifacts::impossible(&path, "a point is not finite"));
    }
    let mut classes: Vec<String> = rows.iter().map(|row| row.class.clone()).collect();
    classes.sort();
    classes.dedup();
    let label = |row: &Point| classes.binary_search(&row.class).unwrap_or(0);
    Ok(EmbeddingPanel {
        images: rows.iter().map(|row| row.image.clone()).collect(),
        points: rows.iter().map(|row| (row.x, row.y)).collect(),
        labels: rows.iter().map(label).collect(),
        classes,
        ..EmbeddingPanel::default()
    })
}
