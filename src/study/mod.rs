//! From a pipeline file to a graph and the parts of a report, for any kinds of sections.
//!
//! A kind of section ([`StageKind`]) declares the type of its tables, checks them, and adds their stages to the graph;
//! this module reads the tables of all kinds ([`Pipeline`]), resolves the names by which they refer to each other
//! ([`Ref`]), and builds the graph of a study ([`Expansion`]). The kinds themselves are in
//! [`stages`](crate::stages).

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
pub use expansion::{Expanded, Expansion, Fits};
pub use facts::{DataFacts, Facts, labeled_count};
pub use kind::{AnyKind, StageKind, Tables};
pub use part::{ReportPart, Shown, VariantLabel};
pub use pipeline::{DeviceChoice, Pipeline, Study, Variant};
pub use reference::Ref;
pub use shown::Parts;
