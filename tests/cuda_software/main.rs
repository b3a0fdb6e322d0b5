//! The CUDA backend on a device in software: libraries in place of NVIDIA's, with the kernels compiled for the host,
//! that run work as late as the program allows and refuse calls that a device would not survive (`device.h`). Needs a
//! C++ compiler, no file of NVIDIA and no GPU. What it cannot show is in docs/cuda.md.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "../cuda_kernels/sources.rs"]
mod sources;

mod failures;
mod run;
mod study;
mod toolchain;

use run::{TOTALS, command, run};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};
use study::{Study, assert_same_histories};
use toolchain::Toolchain;

/// Prints past the test harness, which hides what a successful test prints.
fn report(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

#[test]
fn the_program_runs_on_the_software_device() {
    let Some(toolchain) = Toolchain::build() else {
        report("cuda_software skipped: no C++ compiler (set CXX to name one)");
        return;
    };
    let start = Instant::now();
    doctor(&toolchain);
    device_tests(&toolchain);
    studies(&toolchain);
    failures::each_call_fails(&toolchain);
    let totals = TOTALS.lock().unwrap();
    let seconds = start.elapsed().as_secs();
    report(&format!(
        "cuda_software: {} functions and {} kernels called, {} failures injected, {seconds} s",
        totals.functions.len(),
        totals.kernels.len(),
        totals.failures
    ));
    assert!(totals.functions.len() >= 65, "{:?}", totals.functions);
    assert!(totals.kernels.len() >= 60, "{:?}", totals.kernels);
}

/// Every operation in every precision, under three orders of streams.
fn doctor(toolchain: &Toolchain) {
    for schedule in ["late", "others", "7"] {
        let settings = [("SOFTWARE_SCHEDULE", schedule)];
        let outcome = run(toolchain, &toolchain.program, &["doctor", "--device", "cuda"], &settings).expect_success();
        assert!(outcome.stdout.contains("software device 0") && outcome.stdout.contains("lib64/libcudnn.so.9"));
        for precision in ["f32", "tf32", "bf16"] {
            for direction in ["forward", "backward_data", "backward_filter"] {
                assert!(outcome.launches.contains_key(&format!("cudnn_{direction}_{precision}")), "{schedule}");
            }
        }
        // An algorithm that only seems fast while the kernels of others are loaded is not chosen.
        assert!(!outcome.launches.keys().any(|kernel| kernel.contains("nondeterministic")), "{:?}", outcome.launches);
    }
}

/// The tests of `cuda_device.rs`, which are skipped without a device.
fn device_tests(toolchain: &Toolchain) {
    let outcome = run(toolchain, &toolchain.device_tests, &["--nocapture"], &[]).expect_success();
    assert!(!outcome.stderr.contains("skipped") && outcome.calls["cuLaunchKernel"] > 1000, "{}", outcome.stderr);
}

/// A study on the CPU, on the device, on two devices at once, and killed and resumed.
fn studies(toolchain: &Toolchain) {
    let start = |study: &Study, device: &str, more: &[&str]| {
        let (file, output) = (study.file(), study.output());
        let arguments = [&Study::run(&file, &output, device), more].concat();
        run(toolchain, &toolchain.program, &arguments, &[]).expect_success()
    };
    let cpu = Study::new();
    start(&cpu, "cpu", &[]);
    for (device, more) in [("cuda", &[] as &[&str]), ("cuda:1", &["--jobs", "2"])] {
        let study = Study::new();
        start(&study, device, more);
        assert_same_histories(&study, &cpu);
    }
    let study = Study::new();
    kill_after_a_checkpoint(toolchain, &study);
    let resumed = start(&study, "cuda", &[]);
    assert!(resumed.stderr.contains("resum"), "{}", resumed.stderr);
    assert_same_histories(&study, &cpu);
}

fn kill_after_a_checkpoint(toolchain: &Toolchain, study: &Study) {
    let (file, output) = (study.file(), study.output());
    let mut command = command(toolchain, &toolchain.program, &Study::run(&file, &output, "cuda"));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !study.has_checkpoint() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
