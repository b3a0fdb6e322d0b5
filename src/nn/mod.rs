//! Convolution, batch norm and pooling over plain buffers, which dfdx lacks, behind one trait per device.
//!
//! Images and feature maps are square and channels-last: `[rows, side, side, channels]`. The kernels of [`Backend`]
//! know nothing of networks: `model` runs its layers forward, saves the activations that the backward pass needs, and
//! runs the layers in reverse. On dfdx's tape a whole encoder is one operation.

mod backend;
#[cfg(test)]
mod bf16_checks;
mod buffer_pool;
#[cfg(test)]
mod checks;
mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
mod device_report;
mod geometry;
pub mod oracle;
mod parameters;
mod precision;
mod taped;

pub use backend::{Backend, Normalization, RunningUpdate};
pub use buffer_pool::BufferPool;
pub use cpu::Map as CpuMap;
pub use device_report::{DeviceReport, workspace};
pub use geometry::{Convolution, MaxPool};
pub use parameters::{NamedTensor, Role, Trainable};
pub use precision::Precision;
pub use taped::{Taped, TapedScalar, item};
