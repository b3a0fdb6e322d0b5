//! Hardware on which a stage is computed. It is not part of a key, but times and the last bits of results depend on it.

use crate::base::{matmul, system};
use crate::engine::record::host;

/// Hardware on which a stage is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageHardware {
    /// Model of the processor or GPU. Times of stages are estimated from those on the same model, on any host.
    pub processor: String,
    /// Number of worker threads.
    pub threads: usize,
    /// Instruction sets of the matrix products, such as `f32 fma, bf16 amx`, or `cuda`. Processors with different ones
    /// compute different last bits.
    pub kernel: String,
}

impl StageHardware {
    /// Returns the processor of this machine; the host stands for a model that the system does not report.
    pub fn cpu() -> Self {
        let processor = system::processor().unwrap_or_else(|| format!("{} ({})", std::env::consts::ARCH, host()));
        Self { processor, threads: rayon::current_num_threads(), kernel: matmul::kernels() }
    }
}
