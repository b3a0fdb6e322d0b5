//! Parsing and validation of pipeline files; every error carries its location in the file.
//!
//! text -> tree with source spans (`node`) -> merged over the files that it extends (`extends`, `merge`) -> `--set` and
//! `[sweep]` -> validated against the JSON Schema (`structure`) -> raw types (`raw`) -> checked types (`pipeline`).
//! An invalid value is reported and removed from the tree, so that one run reports every error.

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
pub use load::{LoadedStudy, load, parse};
pub use pipeline::{Pipeline, Study, Variant};
pub use reference::reference;
