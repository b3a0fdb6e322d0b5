//! `simclr`: declarative pipelines for self-supervised image learning with SimCLR.
//!
//! A TOML file declares tables of sections; [`pipeline`] reads it and turns it into a graph, to which each kind of
//! section ([`stages`]) adds its stages, and [`engine`] runs whatever is missing from the store.
//!
//! ```
//! use simclr::engine::{NoEvents, RunOptions};
//! use simclr::pipeline::{execute, parse};
//! use simclr::stages::Metrics;
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
//!     [knn_eval.main]
//!     from = "main"
//!     k = 5
//! "#;
//! let study = parse(file, std::path::Path::new("study.toml"), &[])?;
//! let options = RunOptions { only: vec!["knn_eval".to_owned()], ..RunOptions::default() };
//! let output = tempfile::tempdir()?;
//! let run = execute(&study, output.path(), &options, &NoEvents)?;
//! let mut artifacts = run.artifacts();
//! let (_, knn) = artifacts.find(|(stage, _)| stage.starts_with("knn_eval")).ok_or("no kNN evaluation")?;
//! let metrics = Metrics::read(knn)?;
//! assert_eq!((metrics.total, metrics.classes.len()), (30, 3));
//! assert!((metrics.interval.0..=metrics.interval.1).contains(&metrics.accuracy));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules below are listed from the command line down to the foundations, one layer per paragraph, and each
//! imports only from layers below its own (enforced by `tests/layering.rs`).

pub mod cli;

pub mod pipeline;

pub mod stages;

pub(crate) mod executor;
pub mod study;

pub(crate) mod doctor;
pub mod document;
pub mod runs;

pub(crate) mod sinks;

pub mod engine;
pub mod render;
pub mod train;

pub mod dataset;

pub mod analysis;
pub mod augment;
pub mod loss;
pub mod model;
pub mod optim;

pub mod imaging;
pub mod nn;

pub mod group;

pub mod base;
