//! From the text of a pipeline file to checked types; every error has its place in the file.
//!
//! text -> tree with places (`node`) -> structure held to the JSON Schema (`structure`) -> raw types (`raw`) ->
//! checked types (`pipeline`). What is wrong is reported and taken out of the tree, so that one run finds all of it.

pub mod pipeline;

mod check;
mod data;
mod de;
mod diagnostic;
mod load;
mod nearest;
mod node;
mod placeholder;
mod raw;
mod reference;
mod schema;
mod scope;
mod section;
mod setting;
mod source;
mod structure;
mod sweep;
mod text;
mod wording;

pub use data::{ClassCount, labeled_count};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use load::{Loaded, load, parse};
pub use pipeline::{Pipeline, Study, Variant};
pub use reference::reference;
pub use schema::schema;
