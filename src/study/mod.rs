//! From a pipeline file to a graph and the parts of a report, for any kinds of sections.
//!
//! A kind of section ([`StageKind`]) declares the type of its tables, checks them, and adds their stages to the graph;
//! this module reads the tables of all kinds ([`Pipeline`]), resolves the names by which they refer to each other
//! ([`Ref`]), and builds the graph of a study ([`Expansion`]). The kinds themselves are in
//! [`stages`](crate::stages).
//!
//! ```
//! use simclr::pipeline::parse;
//! use simclr::stages::Pretrain;
//! use simclr::study::Ref;
//!
//! let file = r#"
//!     dataset = { source = { shapes = { train = 60, test = 30, classes = 3 } }, image_size = 16 }
//!     augment.views.ops = [{ random_resized_crop = {} }]
//!     [pretrain.main]
//!     augment = "views"
//!     encoder = { tiny = { width = 0.25 } }
//!     projection = { layers = [8] }
//!     optimizer = { adam = { learning_rate = 1e-3 } }
//!     epochs = 1
//!     batch_size = 16
//! "#;
//! let loaded = parse(file, std::path::Path::new("study.toml"), &[])?;
//! let pipeline = &loaded.study.variants[0].pipeline;
//! let config = pipeline.get(&Ref::<Pretrain>::new("main")).ok_or("no [pretrain.main]")?;
//! assert_eq!((config.augment.name(), config.batch_size), ("views", 16));
//! assert!(config.gradient_clip.is_none(), "keys that the file leaves out have their defaults");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod check;
mod expansion;
pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod kind;
mod part;
mod pipeline;
pub(crate) mod read;
mod reference;
mod shown;
pub(crate) mod variants;

pub use check::{Check, DataCheck};
pub(crate) use expansion::Expanded;
pub use expansion::{Expansion, Fits};
pub(crate) use facts::labeled_count;
pub use facts::{DataFacts, Facts};
pub use kind::{AnyKind, StageKind, Tables};
pub(crate) use part::ReportPart;
pub(crate) use part::Shown;
pub(crate) use part::VariantLabel;
pub use pipeline::{DeviceChoice, Pipeline, Study, Variant};
pub use reference::Ref;
pub use shown::Parts;
