//! What the machine is, for the record of a run.

use crate::base::system;
use serde::{Deserialize, Serialize};

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
            processor: system::processor().unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
            memory_bytes: system::memory(),
        }
    }
}
