//! Runs killed at random moments and started again produce the same bytes as an uninterrupted run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![cfg(unix)]

mod common;

use common::{artifacts, repeated};
use simclr::base::rng::{stream, unit};
use simclr::engine::Store;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Number of kills.
const KILLS: usize = 80;

/// Pretraining and supervised training with every kind of state: momentum, Adam moments, best weights, initial weights
/// of another stage.
const PIPELINE: &str = r#"
seed = 3

[dataset]
source = { shapes = { train = 48, test = 16, classes = 2 } }
image_size = 12
validation_fraction = 0.25

[augment.views]
ops = [{ random_resized_crop = { scale = [0.5, 1.0] } }, { horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
epochs = 6
batch_size = 12

[linear_eval.main]
from = "main"
epochs = 5

[supervised.tuned]
init_from = "main"
augment = "views"
encoder = { tiny = { width = 0.25 } }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 6
batch_size = 12
"#;

fn command(file: &Path, output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
    // Every step writes a checkpoint, so that kills also hit the writing of checkpoints.
    command.arg("run").arg(file).arg("--output").arg(output).args(["--checkpoint-every", "0", "--threads", "1"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Artifacts, published report and duration of an uninterrupted run.
struct Uninterrupted {
    files: BTreeMap<PathBuf, Vec<u8>>,
    page: String,
    time: Duration,
}

/// Returns the published page without its times, which are not part of the results.
fn page(output: &Path) -> String {
    let page = fs::read_to_string(output.join("killed/report/index.html")).unwrap();
    let without = |page: &str, from: &str, to: &str| {
        let (before, rest) = page.split_once(from).unwrap();
        before.to_owned() + rest.split_once(to).unwrap().1
    };
    let page = without(&page, "<svg class=\"graph\"", "</svg>");
    without(&page, "<script type=\"application/json\" id=\"seconds-by-name\">", "</table></div></details>")
}

/// Starts a run and kills it after a given time. Returns whether it was still running.
fn kill(file: &Path, output: &Path, after: Duration) -> bool {
    let mut child = command(file, output).spawn().unwrap();
    std::thread::sleep(after);
    let is_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    is_running
}

fn assert_same_as_uninterrupted(output: &Path, expected: &Uninterrupted, number: usize) {
    let files = artifacts(output);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&files), names(&expected.files), "kill {number}: the files differ");
    for (path, bytes) in &files {
        assert!(*bytes == expected.files[path], "kill {number}: {} differs", path.display());
    }
    assert!(page(output) == expected.page, "kill {number}: the published report differs");
    let store = Store::open(output).unwrap();
    for kind in store.kinds() {
        for key in store.keys(&kind) {
            store.verify(&kind, &key).unwrap();
        }
    }
    assert!(store.locks().is_empty(), "kill {number}: a lock is left: {:?}", store.locks());
}

#[test]
fn killed_runs_produce_the_bytes_of_an_uninterrupted_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("killed.toml");
    fs::write(&file, PIPELINE).unwrap();
    let output = directory.path().join("uninterrupted");
    let start = Instant::now();
    assert!(command(&file, &output).status().unwrap().success());
    let uninterrupted = Uninterrupted { files: artifacts(&output), page: page(&output), time: start.elapsed() };

    let kills = repeated(KILLS);
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while killed.load(Ordering::SeqCst) < kills {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    assert!(number < 5 * kills, "too many runs finish before they are killed");
                    let output = directory.path().join(number.to_string());
                    let mut rng = stream(1, "kills", &[number as u64]);
                    // Every third run is killed a second time.
                    for _ in 0..if number.is_multiple_of(3) { 2 } else { 1 } {
                        let was_running = kill(&file, &output, uninterrupted.time.mul_f32(unit(&mut rng)));
                        killed.fetch_add(usize::from(was_running), Ordering::SeqCst);
                    }
                    assert!(command(&file, &output).status().unwrap().success(), "kill {number}: the next run fails");
                    assert_same_as_uninterrupted(&output, &uninterrupted, number);
                    fs::remove_dir_all(&output).unwrap();
                }
            });
        }
    });
}
