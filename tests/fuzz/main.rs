//! Bounded fuzzing: every file of the corpus and seeded mutations of it, through the same functions as the
//! coverage-guided targets in `fuzz/`, each within a time limit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod harness;
mod mutate;

use simclr::base::rng::{Rng, below, stream};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Maximum time per input.
const LIMIT: Duration = Duration::from_secs(5);
/// Maximum time per kind of file; a slow machine tries fewer mutations.
const TOTAL: Duration = Duration::from_secs(12);

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a check on an input; a failure reports the file to which the input was saved.
fn check(name: &str, invariant: fn(&[u8]), bytes: &[u8]) {
    let start = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(|| invariant(bytes))).is_ok();
    let seconds = start.elapsed().as_secs_f32();
    let finding = || {
        let path = std::env::temp_dir().join(format!("{name}-finding"));
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    assert!(passed, "{}: an invariant does not hold", finding());
    assert!(start.elapsed() < LIMIT, "{}: took {seconds} s", finding());
}

fn check_all(name: &str, invariant: fn(&[u8]), mutations: u64) {
    let (corpus, start) = (corpus(name), Instant::now());
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|seed| check(name, invariant, seed));
    for number in 0..mutations {
        let mut rng: Rng = stream(1, name, &[number]);
        let mut bytes = corpus[below(corpus.len() as u64, &mut rng) as usize].clone();
        mutate::mutate(&mut bytes, &corpus, &mut rng);
        check(name, invariant, &bytes);
        if start.elapsed() > TOTAL {
            break;
        }
    }
}

#[test]
fn pipelines() {
    check_all("pipeline", harness::pipeline, 20_000);
}

#[test]
fn images() {
    check_all("image", harness::image, 20_000);
}

#[test]
fn artifacts() {
    check_all("artifact", harness::artifact, 4_000);
}

#[test]
fn safetensors() {
    check_all("safetensors", harness::safetensors, 10_000);
}
