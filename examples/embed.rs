//! Prints the feature vector h of image files: `cargo run --release --example embed -- FILE...`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use dfdx::prelude::Cpu;
use simclr::augment::{Policy, Scratch};
use simclr::base::rng;
use simclr::engine::{NoEvents, RunOptions};
use simclr::imaging::{Fit, decode};
use simclr::model::BatchStatistics;
use simclr::pipeline::{execute, load};
use simclr::stages::{Pretrain, pretrain};
use simclr::study::Ref;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let study = load(Path::new("pipelines/quickstart.toml"), &["pretrain.main.epochs=5".to_owned()])?;
    let options = RunOptions { only: vec!["pretrain.main".to_owned()], ..RunOptions::default() };
    let run = execute(&study, Path::new("outputs"), &options, &NoEvents)?;
    let config = study.study.variants[0].pipeline.get(&Ref::<Pretrain>::new("main")).ok_or("no [pretrain.main]")?;
    let side = 32;
    let network = pretrain::trained(config, side, run.artifact("pretrain.main")?, &Cpu::default())?;
    let policy = Policy::evaluation(None, side, Fit::Squash);
    for file in std::env::args().skip(1) {
        let image = decode(&std::fs::read(&file)?)?;
        let mut values = vec![0.0; 3 * side * side];
        policy.apply(image.view(), &mut rng::stream(0, "embed", &[]), &mut Scratch::default(), &mut values);
        let h = network.encode(&values, 1, BatchStatistics::Running)?;
        println!("{file}: {} values, the first {:?}", h.len(), &h[..4]);
    }
    Ok(())
}
