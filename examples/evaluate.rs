//! Compares a trained encoder with an untrained one by kNN: `cargo run --release --example evaluate`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use simclr::engine::{NoEvents, RunOptions};
use simclr::pipeline::{execute, load};
use simclr::stages::Metrics;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let study = load(Path::new("pipelines/quickstart.toml"), &["pretrain.main.epochs=5".to_owned()])?;
    let options = RunOptions { only: vec!["knn_eval".to_owned()], ..RunOptions::default() };
    let run = execute(&study, Path::new("outputs"), &options, &NoEvents)?;
    for (stage, artifact) in run.artifacts().filter(|(stage, _)| stage.starts_with("knn_eval")) {
        let Metrics { accuracy, interval: (low, high), total, .. } = Metrics::read(artifact)?;
        println!("{stage}: {:.1} % [{:.1}, {:.1}] of {total} test images", 100.0 * accuracy, 100.0 * low, 100.0 * high);
    }
    Ok(())
}
