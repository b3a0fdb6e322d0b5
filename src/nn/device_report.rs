//! The description of a device for users.

use crate::base::{matmul, system};
use serde::Serialize;

/// Returns the largest workspace that cuDNN may use, in bytes, given a GPU's free memory: at most a quarter of it, so
/// that the rest is left for a batch.
pub(crate) fn workspace(free: u64) -> u64 {
    const MAX_WORKSPACE: u64 = 1 << 30;
    MAX_WORKSPACE.min(free / 4)
}

/// An available device, and the versions of its driver and libraries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// Name in pipeline files and arguments: `cpu`, `cuda:0`.
    pub name: String,
    /// The manufacturer's name for it.
    pub model: String,
    /// Total memory in bytes, if known.
    pub memory: Option<u64>,
    /// Free memory in bytes, if known.
    pub free: Option<u64>,
    /// Libraries, drivers and instruction sets with their versions, to be printed.
    pub parts: Vec<(String, String)>,
}

impl DeviceReport {
    /// Returns the report of the host.
    pub fn cpu() -> Self {
        Self {
            name: "cpu".to_owned(),
            model: system::processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            memory: system::memory(),
            free: system::memory_available(),
            parts: vec![
                ("threads".to_owned(), rayon::current_num_threads().to_string()),
                ("instructions".to_owned(), instructions().join(" ")),
                ("matmul".to_owned(), matmul::kernels()),
            ],
        }
    }
}

/// Returns the instruction sets of this processor for which there are kernels.
fn instructions() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
            ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
        ];
        known.into_iter().filter_map(|(name, detected)| detected.then_some(name)).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![std::env::consts::ARCH]
}
