//! Trains an encoder with SimCLR on synthetic shapes: `cargo run --release --example train`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use simclr::engine::{NoEvents, RunOptions};
use simclr::pipeline::{execute, load};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    // The file with two values changed, as with `--set` on the command line.
    let settings = ["pretrain.main.epochs=5", "pretrain.main.loss.nt_xent.temperature=0.2"].map(str::to_owned);
    let study = load(Path::new("pipelines/quickstart.toml"), &settings)?;
    let options = RunOptions { only: vec!["pretrain.main".to_owned()], ..RunOptions::default() };
    // What an earlier run has finished is taken from the store.
    let run = execute(&study, Path::new("outputs"), &options, &NoEvents)?;
    println!("weights: {}", run.artifact("pretrain.main")?.join("model.safetensors").display());
    Ok(())
}
