//! What a device is.

use crate::base::system;
use serde::Serialize;

/// What cuDNN may take for itself of a GPU's free memory, in bytes: at most a quarter. What is left is there for a batch.
pub fn workspace(free: u64) -> u64 {
    const MOST: u64 = 1 << 30;
    MOST.min(free / 4)
}

/// A device that is there, and the versions of what it runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// As pipeline files and arguments name it: `cpu`, `cuda:0`.
    pub name: String,
    /// As its maker calls it.
    pub model: String,
    /// Memory, bytes, where that is known.
    pub memory: Option<u64>,
    /// Memory that is free, bytes, where that is known.
    pub free: Option<u64>,
    /// Libraries, drivers and instruction sets with their versions, for people.
    pub parts: Vec<(String, String)>,
}

impl DeviceReport {
    /// The machine itself.
    pub fn cpu() -> Self {
        Self {
            name: "cpu".to_owned(),
            model: system::processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            memory: system::memory(),
            free: system::memory_available(),
            parts: vec![
                ("threads".to_owned(), rayon::current_num_threads().to_string()),
                ("instructions".to_owned(), instructions().join(" ")),
            ],
        }
    }
}

/// The instruction sets, of those that kernels are written for, that the processor has.
fn instructions() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
            ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
        ];
        known.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![std::env::consts::ARCH]
}
