//! `simclr`: declarative pipelines for self-supervised image learning with SimCLR.
//!
//! A TOML file declares tables of sections; [`pipeline`] reads it and turns it into a graph, to which each kind of
//! section ([`stages`]) adds its stages, and [`engine`] runs whatever is missing from the store. The modules below are listed from the command line down to the foundations, and each
//! imports only from those after it (enforced by `tests/layering.rs`).

pub mod cli;
pub mod pipeline;
pub mod stages;
pub mod study;

pub mod doctor;
pub mod document;
pub mod runs;

pub mod sinks;

pub mod engine;
pub mod render;
pub mod train;

pub mod analysis;
pub mod augment;
pub mod dataset;
pub mod loss;
pub mod model;
pub mod optim;

pub mod imaging;
pub mod nn;

pub mod base;
