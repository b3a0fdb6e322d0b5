//! From the text of a pipeline file to checked types; every error has its place in the file.

pub mod pipeline;

pub use pipeline::{Pipeline, Study, Variant};
