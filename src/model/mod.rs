//! Networks: encoders, projection and classification heads, their parameters and their summary.
//!
//! A kind of encoder is a file with its options and its list of layers (`config` has the list of kinds); a kind of
//! layer is a file in `layers`. Layers register their parameters and their rows of the summary when they are created.
//!
//! ```
//! use dfdx::prelude::Cpu;
//! use simclr::model::{BatchStatistics, EncoderConfig, Network, ProjectionConfig, TinyConfig};
//!
//! let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
//! let head: ProjectionConfig = toml::from_str("layers = [8]")?;
//! let network = Network::new(&encoder, &head, 16, 1, &Cpu::default())?;
//! let features = network.widths()[0];
//! let images = vec![0.5; 2 * 3 * 16 * 16]; // [rows, 3, side, side]
//! let h = network.encode(&images, 2, BatchStatistics::Running)?;
//! assert_eq!(h.len(), 2 * features);
//! assert_eq!(h[..features], h[features..], "equal images have equal features");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod config;

mod form;
mod head;
mod initializer;
mod layers;
mod network;
pub(crate) mod oracle;
mod parameters;
mod registry;
mod resnet;
mod shard_norms;
mod summary;
mod tiny;

pub use config::{BatchNorm, EncoderConfig};
pub use head::{HeadNorm, ProjectionConfig};
pub use network::{BatchStatistics, EncoderInput, Network};
pub(crate) use network::{ForwardMode, ShardedStep};
pub use resnet::{Depth, ResnetConfig, ResnetVariant, Stem};
pub use summary::{Counts, Summary, SummaryRow, summarize};
pub use tiny::TinyConfig;
