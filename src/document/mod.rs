//! TOML files with spans: every value knows where it is written, so that every error can point at it.
//!
//! text -> tree with spans (`node`), laid over those of the files that it extends (`extends`, `merge`) -> settings of
//! the command line and the sweep -> structure checked against a JSON Schema (`schema`) -> serde's types (`read`). What
//! is wrong is reported and taken out of the tree, so that one run finds all of it.
//!
//! What a file means is given by its schema alone; nothing here knows what it is for.

mod de;
mod diagnostic;
mod extends;
mod file;
mod limits;
mod merge;
mod node;
mod parsed;
mod paths;
mod plain;
mod read;
mod references;
pub(crate) mod schema;
mod setting;
mod short_names;
mod source;
mod sweep;
mod text;
mod written;
mod written_out;

#[cfg(test)]
mod tests;

pub(crate) use crate::base::nearest::{listed, nearest, shortened};
pub(crate) use de::InvalidValue;
pub use diagnostic::{Diagnostic, Diagnostics};
pub(crate) use diagnostic::{Problem, Problems};
pub(crate) use file::read_text;
pub(crate) use node::{PathStep, TableEntry, TomlNode, TomlValue};
pub(crate) use parsed::{Document, Variant};
pub(crate) use plain::parse_plain;
pub(crate) use read::{read, read_with};
pub(crate) use references::{Reference, references};
pub(crate) use schema::structure::{self, InvalidSections};
pub(crate) use short_names::short_names;
pub(crate) use source::{SourceText, Span};
