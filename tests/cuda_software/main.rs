//! The CUDA backend on a device in software: libraries in place of NVIDIA's, with the kernels compiled for the host,
//! that run work as late as the program allows and refuse calls that a device would not survive (`device.h`). Needs a
//! C++ compiler, no file of NVIDIA and no GPU. What it cannot show is in docs/cuda.md.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "../cuda_kernels/sources.rs"]
mod sources;

#[path = "../common/mod.rs"]
mod common;
mod failures;
mod ranks;
mod run;
mod study;
mod toolchain;

use rayon::prelude::*;
use run::{TOTALS, command, run};
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};
use study::{Study, assert_same_histories};
use toolchain::Toolchain;

/// Prints past the test harness, which hides what a successful test prints.
fn report(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

#[test]
fn the_program_runs_on_the_software_device() {
    let toolchain = match Toolchain::build() {
        Ok(toolchain) => toolchain,
        Err(missing) => return report(&format!("cuda_software skipped: {missing}")),
    };
    let start = Instant::now();
    doctor(&toolchain);
    device_tests(&toolchain);
    compiled_kernels_are_cached(&toolchain);
    too_little_memory(&toolchain);
    studies(&toolchain);
    ranks::any_number_of_devices(&toolchain);
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

/// The same without injected failures, with AddressSanitizer in the libraries: memory of the device is also checked to the
/// byte, and so is the host's where the device copies from or to it.
#[test]
#[ignore = "takes minutes"]
fn the_program_runs_on_the_software_device_with_address_sanitizer() {
    let toolchain = match Toolchain::build_with_address_sanitizer() {
        Ok(toolchain) => toolchain,
        Err(missing) => return report(&format!("cuda_software skipped: {missing}")),
    };
    let start = Instant::now();
    doctor(&toolchain);
    device_tests(&toolchain);
    studies(&toolchain);
    report(&format!("cuda_software with AddressSanitizer: {} s", start.elapsed().as_secs()));
}

/// Every operation in every precision, under three orders of streams.
fn doctor(toolchain: &Toolchain) {
    let all = ["f32", "tf32", "bf16"];
    let runs = [("late", &all[..]), ("others", &all[2..]), ("7", &all[1..2])];
    runs.par_iter().for_each(|&(schedule, precisions)| {
        let mut arguments = vec!["doctor", "--device", "cuda"];
        if let [precision] = precisions {
            arguments.extend(["--precision", precision]);
        }
        let settings = [("SOFTWARE_SCHEDULE", schedule)];
        let outcome = run(toolchain, &toolchain.program, &arguments, &settings).expect_success();
        assert!(outcome.stdout.contains("software device 0") && outcome.stdout.contains("lib64/libcudnn.so.9"));
        assert!(outcome.stdout.contains("2.27.3"), "{}", outcome.stdout);
        for precision in precisions {
            for direction in ["forward", "backward_data", "backward_filter"] {
                assert!(outcome.launches.contains_key(&format!("cudnn_{direction}_{precision}")), "{schedule}");
            }
        }
        // An algorithm that only seems fast while the kernels of others are loaded is not chosen.
        assert!(!outcome.launches.keys().any(|kernel| kernel.contains("nondeterministic")), "{:?}", outcome.launches);
    });
}

/// The tests of `cuda_device.rs`, which are skipped without a device.
fn device_tests(toolchain: &Toolchain) {
    let outcome = run(toolchain, &toolchain.device_tests, &["--nocapture"], &[]).expect_success();
    assert!(!outcome.stderr.contains("skipped") && outcome.calls["cuLaunchKernel"] > 1000, "{}", outcome.stderr);
}

/// A study on the CPU, on the device, on its second device by two jobs at once, and killed and resumed.
fn studies(toolchain: &Toolchain) {
    let cpu = Study::new();
    cpu.run(toolchain, "cpu", &[], &[]).expect_success();
    for (device, more) in [("cuda", &[] as &[&str]), ("cuda:1", &["--jobs", "2"])] {
        let study = Study::new();
        let outcome = study.run(toolchain, device, more, &[]).expect_success();
        // cuDNN's stand-in refuses bf16 for channels that are not multiples of 8.
        assert!(outcome.stderr.contains("it runs in TF32"), "{}", outcome.stderr);
        assert_same_histories(&study, &cpu);
    }
    let study = Study::new();
    kill_after_a_checkpoint(toolchain, &study);
    let resumed = study.run(toolchain, "cuda", &[], &[]).expect_success();
    assert!(resumed.stderr.contains("resum"), "{}", resumed.stderr);
    assert_same_histories(&study, &cpu);
}

fn kill_after_a_checkpoint(toolchain: &Toolchain, study: &Study) {
    let arguments = study.arguments("cuda");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = command(toolchain, &toolchain.program, &arguments);
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

/// A device that is too small for a batch is refused before training.
fn too_little_memory(toolchain: &Toolchain) {
    let outcome = Study::new().run(toolchain, "cuda", &["--only", "features"], &[("SOFTWARE_MEMORY", "600000000")]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("of memory and cuda:0 has 0 B free"), "{}", outcome.stderr);
}

/// A process takes the kernels that an earlier one has compiled, unless their file is damaged.
fn compiled_kernels_are_cached(toolchain: &Toolchain) {
    let cache = tempfile::tempdir().unwrap();
    let compilations = || {
        let settings = [("XDG_CACHE_HOME", cache.path().to_str().unwrap())];
        let outcome = Study::new().run(toolchain, "cuda", &["--only", "features"], &settings).expect_success();
        outcome.calls.get("nvrtcCompileProgram").copied().unwrap_or(0)
    };
    let file = || fs::read_dir(cache.path().join("simclr")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(compilations(), 1);
    assert_eq!(compilations(), 0);
    let whole = fs::read(file()).unwrap();
    fs::write(file(), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(compilations(), 1);
    assert_eq!(fs::read(file()).unwrap(), whole);
}
