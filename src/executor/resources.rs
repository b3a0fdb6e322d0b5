//! What a task asks for: the tables of the settings, and the estimates of the plan.

use crate::executor::config::{Memory, ResourceTables, Time, resources_of};
use crate::executor::submission::SubmittedStage;
use serde::{Deserialize, Serialize};

/// Time of a task without a setting or an estimate.
const DEFAULT_TIME: Time = Time::seconds(3600);
/// Factor and seconds that an estimated time gets on top.
const TIME_MARGIN: (f64, f64) = (1.5, 300.0);
/// Factor and bytes that an estimated memory gets on top.
const MEMORY_MARGIN: (f64, f64) = (1.25, 512e6);
/// Memory of a stage without an estimate, bytes.
const DEFAULT_MEMORY: u64 = 1_000_000_000;

/// What a task asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resources {
    /// Kind of stage whose settings decide.
    pub(crate) kind: String,
    /// Processors.
    pub(crate) cpus: u32,
    /// GPUs.
    pub(crate) gpus: u32,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Seconds.
    pub(crate) seconds: u64,
    /// Partition, if it is not that of the executor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<String>,
}

impl Resources {
    /// Whether two tasks can be in one array, with the larger of their times and memories.
    pub(super) fn are_alike(&self, other: &Self) -> bool {
        let class = |it: &Self| (it.kind.clone(), it.cpus, it.gpus, it.partition.clone());
        class(self) == class(other)
    }

    /// Covers another task too.
    pub(super) fn cover(&mut self, other: &Self) {
        self.memory = self.memory.max(other.memory);
        self.seconds = self.seconds.max(other.seconds);
    }
}

/// Returns what a task with these stages asks for: the sum of the times, and the maximum of everything else. The memory is
/// multiplied by `factor`.
pub(super) fn of_task(tables: &ResourceTables, stages: &[&SubmittedStage], factor: f64) -> Resources {
    let tables: Vec<_> = stages.iter().map(|stage| (*stage, resources_of(tables, &stage.kind))).collect();
    let limit = |time: Option<Time>| time.unwrap_or(DEFAULT_TIME).0.as_secs();
    // The stage with the largest limit names the settings to change.
    let heaviest = tables.iter().rev().max_by_key(|(stage, table)| (limit(table.time), stage.seconds));
    let most = heaviest.map_or(DEFAULT_TIME.0.as_secs(), |(_, table)| limit(table.time));
    let estimate: Option<u64> =
        stages.iter().map(|stage| stage.seconds.or((stage.memory.is_none()).then_some(0))).sum();
    let estimate = estimate.map(|seconds| (TIME_MARGIN.0 * seconds as f64 + TIME_MARGIN.1) as u64);
    let memory = tables.iter().map(|(stage, table)| match table.memory {
        Some(Memory::Bytes(bytes)) => bytes,
        Some(Memory::Auto) | None => stage.memory.map_or(DEFAULT_MEMORY, estimated_memory),
    });
    Resources {
        kind: heaviest.map(|(stage, _)| stage.kind.clone()).unwrap_or_default(),
        cpus: tables.iter().filter_map(|(_, table)| table.cpus).max().unwrap_or(1),
        gpus: tables.iter().filter_map(|(_, table)| table.gpus).max().unwrap_or(0),
        memory: (memory.max().unwrap_or(DEFAULT_MEMORY) as f64 * factor) as u64,
        seconds: estimate.map_or(most, |seconds| seconds.min(most)),
        partition: heaviest.and_then(|(_, table)| table.partition.clone()),
    }
}

fn estimated_memory(bytes: u64) -> u64 {
    (MEMORY_MARGIN.0 * bytes as f64 + MEMORY_MARGIN.1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::config::ResourceTable;

    fn stage(kind: &str, seconds: Option<u64>) -> SubmittedStage {
        let (name, key) = (kind.to_owned(), String::new());
        SubmittedStage { name, kind: kind.to_owned(), key, memory: Some(1_000_000_000), seconds }
    }

    #[test]
    fn estimates_and_settings_decide() {
        let table = |cpus, gpus, hours: u64| ResourceTable {
            cpus,
            gpus,
            time: Some(Time::seconds(3600 * hours)),
            ..ResourceTable::default()
        };
        let mut tables = ResourceTables::from([
            ("default".to_owned(), table(Some(4), None, 1)),
            ("pretrain".to_owned(), table(None, Some(1), 24)),
        ]);
        let (pretrain, features) = (stage("pretrain", None), stage("features", Some(60)));
        let resources = of_task(&tables, &[&pretrain, &features], 1.0);
        assert_eq!((resources.cpus, resources.gpus, resources.seconds), (4, 1, 86_400), "no estimate: the limit");
        assert_eq!((resources.memory, resources.kind.as_str()), (1_762_000_000, "pretrain"));
        let known = stage("pretrain", Some(1000));
        let resources = of_task(&tables, &[&known, &features], 1.5);
        assert_eq!((resources.seconds, resources.memory), (1890, 2_643_000_000));
        let long = stage("pretrain", Some(100_000));
        assert_eq!(of_task(&tables, &[&long], 1.0).seconds, 86_400, "cut by checkpoints");
        tables.entry("pretrain".to_owned()).or_default().memory = Some(Memory::Bytes(64_000_000_000));
        assert_eq!(of_task(&tables, &[&known, &features], 1.0).memory, 64_000_000_000);
        let small = of_task(&ResourceTables::new(), &[&features], 1.0);
        assert_eq!((small.cpus, small.gpus, small.seconds), (1, 0, 390));
    }
}
