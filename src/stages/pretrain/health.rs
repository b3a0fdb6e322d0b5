//! `health`: is the representation collapsing? Measured on two augmented views of test images, or of training
//! images if there are no test images, at every depth.

use crate::analysis::{Health, health};
use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::engine::{Context, Cost, Stage, StageHardware, StageSummary};
use crate::imaging::Fit;
use crate::render::data::{HealthRow, Report};
use crate::stages::dataset;
use crate::stages::pretrain::views::{self, two_views};
use crate::stages::pretrain::{Pretrained, trained, view};
use crate::stages::shared::artifacts;
use crate::stages::shared::depths::label;
use crate::stages::shared::device::{self, DeviceStage};
use crate::stages::shared::sample::{MAX_MEASURED, evenly_spaced};
use crate::study::{DataFacts, DeviceChoice, ReportPart, Shown};
use crate::train::Compute;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Measures the representation of a pretraining run.
pub(super) struct HealthStage {
    /// The pretraining run.
    pub(super) pretrained: Arc<Pretrained>,
    /// How images are fitted to a square.
    pub(super) fit: Fit,
    /// The pipeline's seed.
    pub(super) seed: u64,
    /// Device on which it runs.
    pub(super) device: DeviceChoice,
}

/// The representation at one depth.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DepthHealth {
    /// Depth.
    depth: usize,
    /// Values of a feature vector.
    width: usize,
    /// The measures.
    health: Health,
}

impl Stage for HealthStage {
    fn name(&self) -> String {
        format!("health.{}", self.pretrained.name)
    }

    fn kind(&self) -> &'static str {
        "health"
    }

    fn version(&self) -> u32 {
        4
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, None)
    }

    fn hardware(&self) -> StageHardware {
        device::hardware(self.device)
    }

    fn parameters(&self) -> Value {
        json!({ "images": MAX_MEASURED, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        device::compute(self, context)
    }
}

impl DeviceStage for HealthStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<StageSummary> {
        let side = self.pretrained.side;
        let network = trained(&self.pretrained.config, side, context.input("pretrain")?, device)?;
        let widths = network.widths();
        let policy = Policy::new(&self.pretrained.policy, side, self.fit);
        let set = dataset::unlabeled_images(context)?;
        let images = evenly_spaced(set.len(), MAX_MEASURED);
        let views = two_views(&network, set, images, (policy, self.seed), context)?;
        let rows: Vec<DepthHealth> = views
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(depth, ([first, second], width))| DepthHealth {
                depth,
                width: *width,
                health: health(view(first, *width), view(second, *width)),
            })
            .collect();
        artifacts::write_json(&context.output().join(artifacts::HEALTH), &rows)?;
        Ok(StageSummary::default())
    }
}

/// Returns the cost of a forward pass of two views of the measured images; work in MACs.
pub(super) fn cost(pretrained: &Pretrained, facts: &DataFacts) -> Option<Cost> {
    views::cost(pretrained, facts, 2)
}

/// The representation diagnostics in the report.
#[derive(Debug)]
pub(super) struct HealthPart {
    name: String,
    is_untrained: bool,
}

impl HealthPart {
    pub(super) fn new(pretrained: &Pretrained) -> Self {
        Self { name: pretrained.name.clone(), is_untrained: pretrained.config.is_untrained() }
    }
}

impl ReportPart for HealthPart {
    fn describe(&self) -> Value {
        json!({ "health": self.name, "is_untrained": self.is_untrained })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let rows: Vec<DepthHealth> = artifacts::read_json(&shown.artifact("health")?.join(artifacts::HEALTH))?;
        report.health.extend(rows.into_iter().map(|row| HealthRow {
            stage: format!("pretrain.{}", self.name),
            variant: shown.variant.label.clone(),
            is_untrained: self.is_untrained,
            depth_label: label(row.depth, row.width),
            alignment: row.health.alignment,
            uniformity: row.health.uniformity,
            spread: row.health.embedding_std,
            effective_rank: row.health.effective_rank,
            width: row.width,
        }));
        Ok(())
    }
}
