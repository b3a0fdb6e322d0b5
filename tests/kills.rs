//! Runs that are killed at any moment and started again end in the bytes of a run that never was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![cfg(unix)]

mod common;

use common::artifacts;
use simclr::base::rng::{stream, unit};
use simclr::engine::Store;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs that are killed.
const KILLS: usize = 200;

/// Both kinds of training, with every kind of state: momentum, moments, best weights, weights of another stage.
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
    // Every step leaves a checkpoint, so that kills meet them in the making.
    command.arg("run").arg(file).arg("--output").arg(output).args(["--checkpoint-every", "0", "--threads", "1"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What a run leaves in the store, the published report, and how long the run took.
struct Unbroken {
    files: BTreeMap<PathBuf, Vec<u8>>,
    page: String,
    time: Duration,
}

/// The published page without its times, which are no part of the results.
fn page(output: &Path) -> String {
    let page = fs::read_to_string(output.join("killed/report/index.html")).unwrap();
    let (results, times) = page.split_once("<section id=\"times\">").unwrap();
    results.to_owned() + times.split_once("</section>").unwrap().1
}

/// Kills a run after a part of the time that an unbroken one takes. Returns whether it was still running.
fn kill(file: &Path, output: &Path, after: Duration) -> bool {
    let mut child = command(file, output).spawn().unwrap();
    std::thread::sleep(after);
    let is_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    is_running
}

fn assert_like_unbroken(output: &Path, unbroken: &Unbroken, number: usize) {
    let found = artifacts(output);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&unbroken.files), "kill {number}: other files");
    for (path, bytes) in &found {
        assert!(*bytes == unbroken.files[path], "kill {number}: {} differs", path.display());
    }
    assert!(page(output) == unbroken.page, "kill {number}: the published report differs");
    let store = Store::open(output).unwrap();
    for kind in store.kinds() {
        for key in store.keys(&kind) {
            store.verify(&kind, &key).unwrap();
        }
    }
    assert!(store.locks().is_empty(), "kill {number}: a lock stayed: {:?}", store.locks());
}

#[test]
fn two_hundred_killed_runs_end_in_the_bytes_of_the_unbroken_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("killed.toml");
    fs::write(&file, PIPELINE).unwrap();
    let output = directory.path().join("unbroken");
    let start = Instant::now();
    assert!(command(&file, &output).status().unwrap().success());
    let unbroken = Unbroken { files: artifacts(&output), page: page(&output), time: start.elapsed() };

    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while killed.load(Ordering::SeqCst) < KILLS {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    assert!(number < 5 * KILLS, "the runs end before they are killed");
                    let output = directory.path().join(number.to_string());
                    let mut rng = stream(1, "kills", &[number as u64]);
                    // Every third run is killed a second time on its way.
                    for _ in 0..if number.is_multiple_of(3) { 2 } else { 1 } {
                        let was_running = kill(&file, &output, unbroken.time.mul_f32(unit(&mut rng)));
                        killed.fetch_add(usize::from(was_running), Ordering::SeqCst);
                    }
                    assert!(command(&file, &output).status().unwrap().success(), "kill {number}: the run after it");
                    assert_like_unbroken(&output, &unbroken, number);
                    fs::remove_dir_all(&output).unwrap();
                }
            });
        }
    });
}
