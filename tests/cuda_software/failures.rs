//! Every call of the device fails once, at the first and at a later call: the program ends with a sentence, or goes on.

use crate::run::Outcome;
use crate::study::Study;
use crate::toolchain::Toolchain;
use rayon::prelude::*;

/// Statuses that end the context: an illegal address, and a kernel that failed.
const FATAL: [&str; 2] = ["700", "719"];

pub(crate) fn each_call_fails(toolchain: &Toolchain) {
    let clean = pretrain(toolchain, &Study::new(), "").expect_success();
    let mut failures: Vec<String> = Vec::new();
    for (function, &count) in &clean.calls {
        let status = status(function);
        failures.push(format!("{function}:1:{status}"));
        if count > 1 {
            failures.push(format!("{function}:{}:{status}", count / 2 + 1));
        }
    }
    for function in ["cuLaunchKernel", "cuStreamSynchronize", "cuMemAllocAsync", "cudnnConvolutionForward"] {
        let count = clean.calls[function];
        let calls = [1, count / 3 + 1, 2 * count / 3 + 1, count];
        failures
            .extend(calls.iter().zip(FATAL.iter().cycle()).map(|(call, status)| format!("{function}:{call}:{status}")));
    }
    failures.par_iter().enumerate().for_each(|(index, failure)| {
        let study = Study::new();
        let outcome = pretrain(toolchain, &study, failure);
        check(failure, &outcome);
        // The next run continues from what the failed one left.
        if index % 8 == 0 {
            pretrain(toolchain, &study, "").expect_success();
        }
    });
}

fn pretrain(toolchain: &Toolchain, study: &Study, failure: &str) -> Outcome {
    let short = ["--only", "features", "--set", "pretrain.main.epochs=1"];
    study.run(toolchain, "cuda", &short, &[("SOFTWARE_FAIL", failure)])
}

/// A status of the function's library that says little.
fn status(function: &str) -> &'static str {
    match function {
        "cuMemAllocAsync" => "2",
        _ if function.starts_with("cudnn") => "5000",
        _ if function.starts_with("cublas") => "13",
        _ if function.starts_with("nvrtc") => "6",
        _ => "999",
    }
}

fn check(failure: &str, outcome: &Outcome) {
    let Outcome { code, stderr, .. } = outcome;
    assert!(matches!(code, Some(0 | 3)), "{failure}: {code:?}\n{stderr}");
    for word in ["panic", "unwrap", "report it", "software device:"] {
        assert!(!stderr.contains(word), "{failure}:\n{stderr}");
    }
    if *code == Some(3) {
        assert!(stderr.contains("error: ") && stderr.contains("help: "), "{failure}:\n{stderr}");
    }
    assert_eq!(outcome.injected, 1, "{failure}");
}
