//! A directory with images and a pipeline file, for tests of the command line.

#![allow(dead_code, reason = "each test uses a part")]

use assert_cmd::Command;
use simclr::base::rng::{below, stream};
use simclr::imaging::{ImageRef, encode_png};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A policy and a pretraining run of a second.
pub(crate) const PRETRAINING: &str = "
[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }]

[pretrain.main]
augment = \"views\"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 2
batch_size = 4
";

/// Writes the images `0.png`, `1.png`, ... of noise, none of which is the same for two seeds; that of the first is given.
pub(crate) fn write_images(directory: &Path, count: u64, first_seed: u64) {
    fs::create_dir_all(directory).unwrap();
    for number in 0..count {
        let mut rng = stream(first_seed + number, "png", &[]);
        let rgb: Vec<u8> = (0..12 * 10 * 3).map(|_| below(256, &mut rng) as u8).collect();
        let png = encode_png(ImageRef { width: 12, height: 10, rgb: &rgb }).unwrap();
        fs::write(directory.join(format!("{number}.png")), png).unwrap();
    }
}

pub(crate) struct Study(TempDir);

impl Study {
    /// Creates an empty directory.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the pipeline file.
    pub(crate) fn write_file(&self, text: &str) {
        fs::write(self.path("study.toml"), text).unwrap();
    }

    /// Calls a command with the pipeline file; returns whether it succeeded, and what it printed.
    pub(crate) fn command(&self, name: &str, output: &str, more: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.arg(name).arg(self.path("study.toml")).arg("--output").arg(self.path(output)).args(more);
        let done = command.output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.success(), text)
    }

    /// Same as [`Study::command`], for one that succeeds.
    pub(crate) fn succeed(&self, name: &str, output: &str, more: &[&str]) -> String {
        let (is_done, text) = self.command(name, output, more);
        assert!(is_done, "{text}");
        text
    }
}
