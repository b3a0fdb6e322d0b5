//! From the text of a pipeline file to checked types; every error has its place in the file.
//!
//! text -> tree with places (`node`), laid over those of the files that it extends (`extends`, `merge`) -> settings and
//! sweep -> structure held to the JSON Schema (`structure`) -> raw types (`raw`) -> checked types (`pipeline`).
//! What is wrong is reported and taken out of the tree, so that one run finds all of it.

pub mod pipeline;

mod check;
mod data;
mod data_paths;
mod de;
mod diagnostic;
mod editor;
mod extends;
mod file;
mod fractions;
mod linear_optimizer;
mod load;
mod merge;
mod naming;
mod nearest;
mod node;
mod placeholder;
mod raw;
mod reference;
mod resolved;
mod schema;
mod scope;
mod section;
mod setting;
mod short_names;
mod size;
mod source;
mod structure;
mod sweep;
mod text;
mod wording;
mod written;

pub use data::{ClassCount, labeled_count};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use editor::schema;
pub use load::{Loaded, load, parse};
pub use pipeline::{Pipeline, Study, Variant};
pub use reference::reference;
