//! Submitted runs on a real Slurm of four nodes, all on this host, which the tests start and stop by themselves. Skipped
//! where Slurm is not installed (Debian: `apt-get install --no-install-recommends slurm-wlm slurmd slurmctld munge`) or the
//! user is not root, whom the daemons need.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a skipped test reports that")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod failures;
mod nodes;
#[path = "../common/ranks.rs"]
mod rank_processes;
mod ranks;
mod requeue;
mod sweep;

use common::artifacts;
use nodes::Nodes;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// Twelve variants of a tiny network. `EPOCHS` is replaced: one takes some 50 ms.
pub(crate) const SWEEP: &str = r#"
name = "sweep"
seed = 1

[dataset]
source = { shapes = { train = 120, test = 40, classes = 3 } }
image_size = 16

[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = EPOCHS
batch_size = 16

[knn_eval.main]
from = "main"
k = 5

[sweep]
"#;

/// The values of twelve variants.
pub(crate) const TWELVE: &str = "\"pretrain.main.loss.nt_xent.temperature\" = [0.1, 0.2, 0.5]\n\
                                 \"pretrain.main.optimizer.adam.learning_rate\" = [1e-3, 2e-3, 3e-3, 4e-3]\n";
/// The values of two.
pub(crate) const TWO: &str = "\"pretrain.main.loss.nt_xent.temperature\" = [0.1, 0.5]\n";

/// Returns a sweep.
pub(crate) fn sweep(epochs: u32, values: &str) -> String {
    SWEEP.replace("EPOCHS", &epochs.to_string()) + values
}

/// Returns the artifacts of a local run of a sweep.
pub(crate) fn local_store(text: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("sweep.toml"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
    let done = command.args(["run", "sweep.toml", "--quiet"]).current_dir(directory.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    artifacts(&directory.path().join("outputs"))
}

/// The local store of twelve variants of three epochs.
pub(crate) static TWELVE_LOCAL: LazyLock<BTreeMap<PathBuf, Vec<u8>>> = LazyLock::new(|| local_store(&sweep(3, TWELVE)));

/// Starts a cluster; none, with a message, where that is impossible.
pub(crate) fn cluster() -> Option<Nodes> {
    cluster_that_forgets(600)
}

/// Same as [`cluster`], for a controller that forgets jobs so many seconds after their end, at the next full minute.
pub(crate) fn cluster_that_forgets(age: u32) -> Option<Nodes> {
    match Nodes::start(age) {
        Ok(nodes) => Some(nodes),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}
