//! Description of the machine, for the record of a run.

use crate::base::{matmul, system};
use serde::{Deserialize, Serialize};

/// Description of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// Host name.
    pub host: String,
    /// Operating system and instruction set.
    pub system: String,
    /// Processor model, if known.
    pub processor: String,
    /// Instruction sets of its matrix products, such as `f32 fma, bf16 amx`; runs on processors with different ones
    /// differ in the last bits.
    pub kernel: String,
    /// Number of processors available to this process.
    pub cores: usize,
    /// Number of worker threads.
    pub threads: usize,
    /// Main memory in bytes, if known.
    pub memory_bytes: Option<u64>,
}

impl Hardware {
    /// Describes this machine.
    pub fn here() -> Self {
        Self {
            host: crate::engine::record::host(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: system::processor().unwrap_or_default(),
            kernel: matmul::kernels(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
            memory_bytes: system::memory(),
        }
    }
}
