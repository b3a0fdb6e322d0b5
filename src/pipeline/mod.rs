//! From a pipeline file to a graph, and from a finished run to a report.
//!
//! ```
//! use simclr::pipeline::{assemble, parse};
//! use std::path::Path;
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
//! // The file with a value changed, as with `--set` on the command line.
//! let loaded = parse(file, Path::new("study.toml"), &["pretrain.main.epochs=3".to_owned()])?;
//! assert!(loaded.resolved_toml().contains("epochs = 3"));
//!
//! let output = tempfile::tempdir()?;
//! let graph = assemble(&loaded, output.path(), None)?.graph;
//! let pretrain = graph.with_name("pretrain.main").ok_or("no stage `pretrain.main`")?;
//! assert!(graph.inputs(pretrain).contains_key("split"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assemble;
mod comparison;
mod execute;
mod language;
mod load;
mod naming;
mod preview;
mod publish;
pub(crate) mod report;

pub(crate) use crate::render::RESULTS;
pub(crate) use assemble::digests;
pub use assemble::{AssembleError, Assembly, assemble};
pub(crate) use comparison::{ComparedReport, comparison_directory, publish_comparison};
pub use execute::{Executed, execute};
pub(crate) use language::language;
pub use language::{reference, schema};
pub use load::{LoadedStudy, load, parse};
pub use preview::preview;
pub(crate) use publish::publish_run;
pub(crate) use publish::read_brief;
pub use publish::{Published, publish, published};
