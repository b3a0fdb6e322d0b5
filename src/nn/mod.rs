//! What dfdx lacks: convolution, batch norm and pooling over plain buffers, behind a trait for devices.
//!
//! Images and feature maps are square and channels-last: `[rows, side, side, channels]`. The kernels of [`Backend`]
//! know nothing of networks; `model` walks its layers forward, keeps what the way back needs, and walks them in
//! reverse. On dfdx's tape a whole encoder is one operation.

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

pub use backend::{Backend, Normalization, Running};
pub use buffer_pool::BufferPool;
pub use cpu::Map as CpuMap;
pub use device_report::{DeviceReport, workspace};
pub use geometry::{Convolution, MaxPool};
pub use parameters::{NamedTensor, Role, Trainable};
pub use precision::Precision;
pub use taped::{Taped, TapedScalar, number};
