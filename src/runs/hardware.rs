//! What the machine is, for the record of a run.

use serde::{Deserialize, Serialize};
use std::fs;

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// Name of the machine.
    pub host: String,
    /// Operating system and instruction set.
    pub system: String,
    /// Name of the processor, where the system tells.
    pub processor: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Worker threads.
    pub threads: usize,
    /// Main memory, where the system tells.
    pub memory_bytes: Option<u64>,
}

impl Hardware {
    /// This machine, as far as the system tells.
    pub fn here() -> Self {
        Self {
            host: crate::engine::record::host(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
            memory_bytes: memory_bytes(),
        }
    }
}

fn memory_bytes() -> Option<u64> {
    let kibibytes: u64 = field("/proc/meminfo", "MemTotal")?.split(' ').next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The first value of a field in a file of `name : value` lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let values = text.lines().filter_map(|line| line.split_once(':'));
    values.into_iter().find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
}
