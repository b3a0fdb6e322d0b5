//! How an artifact came to be: when, where, how long. Says nothing of its content and is no part of its bytes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Content of an artifact's `record.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Name of the stage in the pipeline that computed it.
    pub stage: String,
    /// When it started, in UTC, as RFC 3339.
    pub started: String,
    /// Time it took.
    pub seconds: f64,
    /// Digests of the inputs that it read ([`Manifest::content`](crate::engine::store::Manifest::content)), by role. An
    /// input that was not compared with its manifest, or by an earlier version, has none.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Work that it was ([`Cost::work`](crate::engine::Cost)), where that is known.
    #[serde(default)]
    pub work: Option<f64>,
    /// What the stage measured of its own work: `views_per_second`, `wait_share`, `gigaflops`, `peak_gigaflops`.
    #[serde(default)]
    pub measured: BTreeMap<String, f64>,
    /// Worker threads.
    pub threads: usize,
    /// Name of the machine.
    pub host: String,
    /// Version of the program.
    pub simclr: String,
    /// The stage's line of result.
    pub summary: String,
}

impl Record {
    /// The record of a stage that ran on this machine.
    pub fn new(stage: &str, started: String, seconds: f64, summary: &str) -> Self {
        Self {
            stage: stage.to_owned(),
            started,
            seconds,
            inputs: BTreeMap::new(),
            work: None,
            measured: BTreeMap::new(),
            threads: rayon::current_num_threads(),
            host: host(),
            simclr: env!("CARGO_PKG_VERSION").to_owned(),
            summary: summary.to_owned(),
        }
    }
}

/// Name of this machine, or nothing where the system does not tell.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.unwrap_or_default().trim().to_owned()
}
