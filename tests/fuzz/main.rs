//! Bytes that nobody wrote: every file of the corpus and seeded changes of it, through the same functions as the
//! coverage-guided targets in `fuzz/`, each within a time limit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

mod harness;
mod mutate;

use simclr::base::rng::{Rng, below, stream};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Most time of one input.
const LIMIT: Duration = Duration::from_secs(5);
/// Most time of one kind of file; on a slow machine fewer changes are tried.
const TOTAL: Duration = Duration::from_secs(12);

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What does not hold is told with the bytes that it does not hold for.
fn hold(name: &str, holds: fn(&[u8]), bytes: &[u8]) {
    let start = Instant::now();
    let is_held = catch_unwind(AssertUnwindSafe(|| holds(bytes))).is_ok();
    let seconds = start.elapsed().as_secs_f32();
    let finding = || {
        let path = std::env::temp_dir().join(format!("{name}-finding"));
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    assert!(is_held, "{}: not held", finding());
    assert!(start.elapsed() < LIMIT, "{}: took {seconds} s", finding());
}

fn hold_all(name: &str, holds: fn(&[u8]), changes: u64) {
    let (corpus, start) = (corpus(name), Instant::now());
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|seed| hold(name, holds, seed));
    for number in 0..changes {
        let mut rng: Rng = stream(1, name, &[number]);
        let mut bytes = corpus[below(corpus.len() as u64, &mut rng) as usize].clone();
        mutate::change(&mut bytes, &corpus, &mut rng);
        hold(name, holds, &bytes);
        if start.elapsed() > TOTAL {
            break;
        }
    }
}

#[test]
fn pipelines() {
    hold_all("pipeline", harness::pipeline, 20_000);
}

#[test]
fn images() {
    hold_all("image", harness::image, 20_000);
}

#[test]
fn artifacts() {
    hold_all("artifact", harness::artifact, 4_000);
}

#[test]
fn safetensors() {
    hold_all("safetensors", harness::safetensors, 10_000);
}
