//! Interactive latency: validating a file, planning a large sweep, running a finished pipeline. The fastest of several
//! attempts counts, so that a busy machine does not matter, and the limits are many times the measured times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ATTEMPTS: usize = 10;

const PIPELINE: &str = r#"
[dataset]
source = { shapes = { train = 60, test = 20, classes = 2 } }
image_size = 8

[augment.views]
ops = [{ horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 0
batch_size = 8
"#;

fn simclr(command: &str, file: &Path, output: &Path) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_simclr")).arg(command).arg(file).arg("--output").arg(output).output();
    let run = run.unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{text}");
    text
}

fn fastest(work: impl Fn()) -> Duration {
    let time = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..ATTEMPTS).map(|_| time()).min().unwrap()
}

fn write_pipeline(directory: &Path, more: &str) -> PathBuf {
    let file = directory.join("pipeline.toml");
    fs::write(&file, format!("{PIPELINE}{more}")).unwrap();
    file
}

#[test]
fn a_file_is_validated_in_20_ms() {
    let directory = tempfile::tempdir().unwrap();
    let file = write_pipeline(directory.path(), "[linear_eval.main]\nfrom = \"main\"\ndepths = [0, 1]\n");
    let time = fastest(|| drop(simclr("validate", &file, directory.path())));
    assert!(time < Duration::from_millis(20), "{time:?}");
}

#[test]
fn a_sweep_of_1000_stages_is_planned_in_200_ms() {
    let directory = tempfile::tempdir().unwrap();
    let mut more =
        "[linear_eval.main]\nfrom = \"main\"\ndepths = [0, 1]\n[knn_eval.main]\nfrom = \"main\"\nk = 5\n".to_owned();
    let seeds: Vec<String> = (0..140).map(|seed| seed.to_string()).collect();
    write!(more, "[sweep]\nseed = [{}]\n", seeds.join(", ")).unwrap();
    let file = write_pipeline(directory.path(), &more);
    let plan = simclr("plan", &file, directory.path());
    let stages: usize = plan.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(stages >= 1000, "{stages} stages");
    let time = fastest(|| drop(simclr("plan", &file, directory.path())));
    assert!(time < Duration::from_millis(200), "{time:?}");
    // With artifacts in the store, each missing one is compared with the existing ones.
    simclr("run", &write_pipeline(directory.path(), more.split("[sweep]").next().unwrap()), directory.path());
    let file = write_pipeline(directory.path(), &more);
    let time = fastest(|| drop(simclr("plan", &file, directory.path())));
    assert!(time < Duration::from_millis(200), "{time:?} with a finished run in the store");
}

#[test]
fn a_megabyte_of_mistakes_is_reported_in_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let lines = |line: fn(usize) -> String| (0..90_000).map(line).collect::<Vec<_>>().join("\n");
    for text in [lines(|number| format!("k{number}=1")), lines(|number| format!("[a{number}]"))] {
        let file = directory.path().join("mistakes.toml");
        fs::write(&file, text).unwrap();
        let check = || Command::new(env!("CARGO_BIN_EXE_simclr")).arg("validate").arg(&file).output().unwrap();
        let time = fastest(|| assert_eq!(check().status.code(), Some(2)));
        assert!(time < Duration::from_secs(1), "{time:?}");
    }
}

#[test]
fn a_finished_pipeline_of_100_stages_runs_in_300_ms() {
    let directory = tempfile::tempdir().unwrap();
    let fractions: Vec<String> = (0..48).map(|number| (0.1 + 0.018 * f64::from(number)).to_string()).collect();
    let more = format!(
        "[knn_eval.main]\nfrom = \"main\"\ndepths = [0, 1]\nk = 3\nlabeled_fraction = [{}]\n",
        fractions.join(", ")
    );
    let file = write_pipeline(directory.path(), &more);
    let first = simclr("run", &file, directory.path());
    assert!(first.contains("cached 0"), "{first}");
    let again = simclr("run", &file, directory.path());
    let cached: usize = again.split("cached ").last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(again.contains("computed 0") && cached >= 100, "{again}");
    let time = fastest(|| drop(simclr("run", &file, directory.path())));
    assert!(time < Duration::from_millis(300), "{time:?}");
}
