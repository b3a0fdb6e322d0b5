//! The time of a command grows with the size of its file, and not with the square of it. Times are compared with each
//! other, the fastest of several; `cargo bench --bench commands` measures them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

mod studies;

use std::time::{Duration, Instant};
use studies::Study;

/// How much larger the large study is.
const FACTOR: usize = 8;
const ATTEMPTS: usize = 6;

/// Compares the times of work on a small and on a large study, in turn. Where a sixth of the small one's time grows with
/// the square, it is found; the start of the program, which does not grow, is in both.
fn grows_in_proportion(small: &Study, large: &Study, work: impl Fn(&Study)) {
    let time = |study: &Study| -> Duration {
        let start = Instant::now();
        work(study);
        start.elapsed()
    };
    let pairs: Vec<(Duration, Duration)> = (0..ATTEMPTS).map(|_| (time(small), time(large))).collect();
    let small = pairs.iter().map(|(small, _)| *small).min().unwrap();
    let large = pairs.iter().map(|(_, large)| *large).min().unwrap();
    assert!(
        large < small * 2 * FACTOR as u32,
        "{small:?} for the small one, {large:?} for one {FACTOR} times as large"
    );
}

fn stages(plan: &str) -> usize {
    plan.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn plans_of_sweeps() {
    let (small, large) = (Study::sweep(20), Study::sweep(20 * FACTOR));
    let (few, many) = (stages(&small.simclr("plan")), stages(&large.simclr("plan")));
    assert!(many > 1000 && many > few * (FACTOR - 1), "{few} and {many} stages");
    grows_in_proportion(&small, &large, |study| drop(study.simclr("plan")));
}

#[test]
fn plans_of_sweeps_that_are_compared_with_a_finished_run() {
    let (small, large) = (Study::sweep_after_a_run(20), Study::sweep_after_a_run(20 * FACTOR));
    let plan = large.simclr("plan");
    assert!(plan.contains("seed 0 -> 1"), "{plan}");
    grows_in_proportion(&small, &large, |study| drop(study.simclr("plan")));
}

#[test]
fn files_full_of_mistakes() {
    let lines = 90_000;
    for line in [(|number| format!("k{number}=1")) as fn(usize) -> String, |number| format!("[a{number}]")] {
        let (small, large) = (Study::mistakes(lines / FACTOR, line), Study::mistakes(lines, line));
        grows_in_proportion(&small, &large, |study| assert_eq!(study.command("validate").0, Some(2)));
    }
}

#[test]
fn runs_that_are_finished() {
    let (small, large) = (Study::finished(6), Study::finished(6 * FACTOR));
    let again = large.simclr("run");
    let cached: usize = again.split("cached ").last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(again.contains("computed 0") && cached >= 100, "{again}");
    grows_in_proportion(&small, &large, |study| drop(study.simclr("run")));
}
