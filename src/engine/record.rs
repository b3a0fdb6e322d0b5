//! Record of how an artifact was computed: when, where, for how long. It is not part of the artifact's content.

use crate::engine::{StageHardware, StageSummary};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Content of an artifact's `record.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// Name of the stage in the pipeline that computed it.
    pub stage: String,
    /// Start time in UTC, as RFC 3339.
    pub started: String,
    /// Duration in seconds.
    pub seconds: f64,
    /// Digests of the inputs that it read ([`Manifest::content`](crate::engine::store::Manifest::content)), by role.
    /// Without inputs that were not verified; empty in records of earlier versions.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Estimated work ([`Cost::work`](crate::engine::Cost)), if known.
    #[serde(default)]
    pub work: Option<f64>,
    /// Measurements by the stage itself: `views_per_second`, `wait_share`, `gigaflops`, `peak_gigaflops`.
    #[serde(default)]
    pub measured: BTreeMap<String, f64>,
    /// Model of the processor or GPU that computed it; empty in records of earlier versions.
    #[serde(default)]
    pub processor: String,
    /// Instruction sets of the matrix products ([`StageHardware::kernel`]); empty in records of earlier versions.
    #[serde(default)]
    pub kernel: String,
    /// Number of worker threads.
    pub threads: usize,
    /// Host name.
    pub host: String,
    /// Version of simclr.
    pub simclr: String,
    /// The stage's result.
    pub summary: StageSummary,
}

impl ArtifactRecord {
    /// Creates the record of a stage that ran on this machine's processor.
    pub fn new(stage: &str, started: String, seconds: f64, summary: StageSummary) -> Self {
        let StageHardware { processor, threads, kernel } = StageHardware::cpu();
        Self {
            stage: stage.to_owned(),
            started,
            seconds,
            inputs: BTreeMap::new(),
            work: None,
            measured: BTreeMap::new(),
            processor,
            kernel,
            threads,
            host: host(),
            simclr: env!("CARGO_PKG_VERSION").to_owned(),
            summary,
        }
    }
}

/// Returns the host name of this machine, or an empty string if unknown.
pub(crate) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.unwrap_or_default().trim().to_owned()
}
