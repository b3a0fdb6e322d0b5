//! Every call of the device fails once, at the first, at a later and at a random call: the program ends with a sentence,
//! or goes on. `CUDA_SOFTWARE_POSITIONS=N` tries N random calls of each function.

use crate::run::Outcome;
use crate::study::Study;
use crate::toolchain::Toolchain;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Statuses that end the context: an illegal address, and a kernel that failed.
const FATAL: [&str; 2] = ["700", "719"];

/// Random calls of each function that fail.
const POSITIONS: usize = 3;

pub(crate) fn each_call_fails(toolchain: &Toolchain) {
    let clean = pretrain(toolchain, &Study::new(), "").expect_success();
    let mut failures: Vec<String> = Vec::new();
    for (function, &count) in &clean.calls {
        let status = status(function);
        failures.push(format!("{function}:1:{status}"));
        if count > 1 {
            let calls: BTreeSet<u64> = random_calls(function, count).chain([count / 2 + 1]).collect();
            failures.extend(calls.iter().map(|call| format!("{function}:{call}:{status}")));
        }
    }
    for function in ["cuLaunchKernel", "cuStreamSynchronize", "cuMemAllocAsync", "cudnnConvolutionForward"] {
        let count = clean.calls[function];
        let calls = [1, count / 3 + 1, 2 * count / 3 + 1, count];
        failures
            .extend(calls.iter().zip(FATAL.iter().cycle()).map(|(call, status)| format!("{function}:{call}:{status}")));
    }
    let check = |(index, failure): (usize, &String)| {
        let study = Study::new();
        let wrong = problem(&pretrain(toolchain, &study, failure));
        // The next run continues from what the failed one left.
        let next = (index % 8 == 0).then(|| pretrain(toolchain, &study, ""));
        let stuck = next.filter(|next| next.code != Some(0)).map(|next| format!("the next run fails: {}", next.stderr));
        wrong.or(stuck).map(|problem| format!("{failure}: {problem}"))
    };
    let problems: Vec<String> = failures.par_iter().enumerate().filter_map(check).collect();
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), failures.len(), problems.join("\n"));
}

fn pretrain(toolchain: &Toolchain, study: &Study, failure: &str) -> Outcome {
    let short = ["--only", "features", "--set", "pretrain.main.epochs=1"];
    study.run(toolchain, "cuda", &short, &[("SOFTWARE_FAIL", failure)])
}

/// Returns random calls after the first of `count`, the same in every run.
fn random_calls(function: &str, count: u64) -> impl Iterator<Item = u64> {
    let positions = std::env::var("CUDA_SOFTWARE_POSITIONS").map_or(POSITIONS, |number| number.parse().unwrap());
    (0..positions).map(move |index| {
        let digest = blake3::hash(format!("{function} {index}").as_bytes());
        2 + u64::from_le_bytes(digest.as_bytes()[..8].try_into().unwrap()) % (count - 1)
    })
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

/// Returns what is wrong with the end of a run in which a call failed.
fn problem(outcome: &Outcome) -> Option<String> {
    let Outcome { code, stderr, .. } = outcome;
    let says_why = stderr.contains("error: ") && stderr.contains("help: ");
    let wrong = match code {
        _ if outcome.injected != 1 => Some("nothing was injected"),
        _ if ["panic", "unwrap", "report it", "software device:"].iter().any(|word| stderr.contains(word)) => {
            Some("not a sentence")
        }
        Some(0) => None,
        Some(3) if says_why => None,
        Some(3) => Some("no help"),
        _ => Some("another exit code"),
    };
    wrong.map(|wrong| format!("{wrong} ({code:?})\n{stderr}"))
}
