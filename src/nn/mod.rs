//! Convolution, batch norm and pooling over plain buffers, which dfdx lacks, behind one trait per device.
//!
//! Images and feature maps are square and channels-last: `[rows, side, side, channels]`. The kernels of [`Backend`]
//! know nothing of networks: `model` runs its layers forward, saves the activations that the backward pass needs, and
//! runs the layers in reverse. On dfdx's tape a whole encoder is one operation.
//!
//! ```
//! use dfdx::prelude::Cpu;
//! use simclr::nn::{Backend, Convolution, Precision};
//!
//! let convolution = Convolution { inputs: 3, outputs: 8, kernel: 3, stride: 2, padding: 1, side: 32 };
//! convolution.check()?;
//! assert_eq!(convolution.output_side(), 16);
//!
//! // Global average pooling of two maps of 2 x 2 pixels with one channel.
//! let device = Cpu::default();
//! let maps = device.upload_map(vec![1.0, 2.0, 3.0, 6.0, 0.0, 0.0, 0.0, 4.0], Precision::default())?;
//! let mut means = device.allocate(2)?;
//! device.average_pool(1, &maps, 2, &mut means)?;
//! assert_eq!(device.download(&means)?, [3.0, 1.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub(crate) mod moments;
pub(crate) mod oracle;
mod parameters;
mod precision;
mod taped;

pub(crate) use backend::INFERENCE_ROWS;
#[cfg(feature = "cuda")]
pub(crate) use backend::sum_on_host;
pub use backend::{Backend, Normalization, ReluOutput, RunningUpdate};
pub use buffer_pool::BufferPool;
pub use cpu::Map as CpuMap;
pub use device_report::DeviceReport;
pub(crate) use device_report::workspace;
pub use geometry::{Convolution, MaxPool};
pub use moments::{GradientSums, Moments};
pub use parameters::{NamedTensor, Role, Trainable};
pub use precision::Precision;
pub use taped::{Taped, TapedScalar, item};
