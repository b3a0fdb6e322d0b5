//! `[executor.slurm]`.

use crate::executor::config::{ResourceTables, Settings, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Slurm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Slurm")]
pub(crate) struct SlurmConfig {
    /// Partition. Default: the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<String>,
    /// Account. Default: the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// Maximum number of tasks of an array that run at once. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(crate) throttle: Option<u32>,
    /// Maximum number of tasks of a run in the queue at once; the others are submitted when there is a place.
    #[schemars(range(min = 1))]
    pub(crate) most_queued: u32,
    /// How long a finished artifact may stay invisible on other nodes.
    pub(crate) latency: Time,
    /// How often the queue is asked; up to six times as long while nothing changes.
    pub(crate) poll: Time,
    /// How long before its time limit a task saves a checkpoint and asks to be requeued.
    pub(crate) warn_before: Time,
    /// How often a task may be requeued after its time limit, a preemption or the failure of a node.
    pub(crate) restarts: u32,
    /// Stages that are shorter run in the task that feeds them.
    pub(crate) fuse_below: Time,
    /// How long `sbatch` may take.
    pub(crate) submit_limit: Time,
    /// Lines of shell before the program starts, such as `"module load cuda/13"`.
    pub(crate) setup: Vec<String>,
    /// More options of `sbatch`, such as `"--qos=normal"`.
    pub(crate) sbatch: Vec<String>,
    /// Resources by kind of stage.
    pub(crate) resources: ResourceTables,
}

impl Default for SlurmConfig {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            throttle: None,
            most_queued: 200,
            latency: Time::seconds(60),
            poll: Time::seconds(30),
            warn_before: Time::seconds(180),
            restarts: 20,
            fuse_below: Time::seconds(300),
            submit_limit: Time::seconds(60),
            setup: Vec::new(),
            sbatch: Vec::new(),
            resources: ResourceTables::new(),
        }
    }
}

impl SlurmConfig {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            most_queued: self.most_queued,
            is_remote: true,
            latency: self.latency.0,
            poll: self.poll.0,
            restarts: self.restarts,
            fuse_below: self.fuse_below.0,
            submit_limit: self.submit_limit.0,
            resources: self.resources.clone(),
        }
    }
}
