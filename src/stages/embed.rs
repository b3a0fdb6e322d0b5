//! `embed`: features as points in the plane, for one depth.

use crate::analysis::config::EmbedMethod;
use crate::analysis::{principal_components, tsne};
use crate::base::Result;
use crate::config::pipeline::{Embed, Subset};
use crate::dataset::Split;
use crate::engine::{Context, Stage};
use crate::stages::features::Features;
use crate::stages::{dataset, evaluation, formats, split};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Embeds the features of one depth.
pub struct EmbedStage {
    /// What the file says of this embedding.
    pub config: Embed,
    /// Depth of the features.
    pub depth: usize,
    /// The pipeline's seed.
    pub seed: u64,
}

/// A row of `embedding.csv`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Name of the image.
    pub image: String,
    /// Its class.
    pub class: String,
    /// Horizontal place.
    pub x: f32,
    /// Vertical place.
    pub y: f32,
}

impl Stage for EmbedStage {
    fn name(&self) -> String {
        evaluation::stage_name("embed", &self.config.name, Some(self.depth), None)
    }

    fn kind(&self) -> &'static str {
        "embed"
    }

    fn version(&self) -> u32 {
        2
    }

    fn parameters(&self) -> Value {
        json!({ "depth": self.depth, "subset": self.config.subset, "method": self.config.method, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        let set = dataset::images(context)?;
        let images = subset(split::read(context, &set)?, self.config.subset);
        let features = Features::read(context.input("features")?, self.depth, set.len())?;
        let rows = features.rows(&images);
        let view = features.view(&rows);
        let plane = match &self.config.method {
            EmbedMethod::Tsne(config) => {
                tsne(view, config, self.seed, &|done, total| context.progress(done, total, "t-SNE"))?
            }
            EmbedMethod::Pca(_) => principal_components(view, 2).points,
        };
        let points = images.iter().zip(plane.chunks_exact(2)).map(|(image, place)| Point {
            image: set.name(*image).to_owned(),
            class: set.classes()[set.label(*image)].clone(),
            x: place[0],
            y: place[1],
        });
        formats::write_rows(&context.output().join(formats::EMBEDDING), points)?;
        Ok(format!("{} points", images.len()))
    }
}

fn subset(split: Split, subset: Subset) -> Vec<usize> {
    let mut training = [split.train, split.validation].concat();
    training.sort_unstable();
    match subset {
        Subset::Train => training,
        Subset::Test => split.test,
        Subset::All => [training, split.test].concat(),
    }
}
