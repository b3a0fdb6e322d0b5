//! The whole program on a store that machines share: file locks that lock nobody out, a holder that is killed or
//! suspended, two runs at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test reports that")]
#![cfg(target_os = "linux")]

mod common;

use serde_json::Value;
use simclr::engine::Store;
use simclr::engine::store::{SharedSettings, share};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

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
epochs = 60
batch_size = 12

[linear_eval.main]
from = "main"
epochs = 5
"#;

/// Leases of living processes do not get stale, even on a busy machine.
const PATIENT: SharedSettings = SharedSettings { renew_seconds: 0.5, stale_seconds: 60.0, latency_seconds: 1.0 };
/// A suspended process loses its lease soon, and a process that is only slow has ten chances.
const HASTY: SharedSettings = SharedSettings { renew_seconds: 0.3, stale_seconds: 3.0, latency_seconds: 1.0 };

struct Place {
    directory: TempDir,
    /// Library in which every lock succeeds; none without a compiler.
    shim: Option<PathBuf>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("shared.toml"), PIPELINE).unwrap();
        let (source, library) = (directory.path().join("flock.c"), directory.path().join("flock.so"));
        fs::write(&source, "int flock(int file, int operation) { (void)file; (void)operation; return 0; }\n").unwrap();
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
        let shim = compiled.is_ok_and(|status| status.success()).then_some(library);
        Self { directory, shim }
    }

    /// Returns the library, or prints that the test is skipped.
    fn shim(&self) -> Option<&Path> {
        if self.shim.is_none() {
            eprintln!("skipped, no C compiler `cc`");
        }
        self.shim.as_deref()
    }

    fn output(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn share(&self, name: &str, settings: &SharedSettings) {
        share(&self.output(name), Some(settings)).unwrap();
    }

    fn command(&self, lying: bool) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.current_dir(&self.directory).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let (true, Some(shim)) = (lying, &self.shim) {
            command.env("LD_PRELOAD", shim);
        }
        command
    }

    /// Starts a run that writes a checkpoint after every step.
    fn start(&self, output: &str, lying: bool) -> Child {
        let arguments = ["run", "shared.toml", "--output", output, "--checkpoint-every", "0", "--threads", "1"];
        self.command(lying).args(arguments).spawn().unwrap()
    }

    /// Waits for a checkpoint of the training run.
    fn wait_for_checkpoint(&self, output: &str, child: &mut Child) {
        let kind = self.output(output).join("store-v1/pretrain");
        let below = |path: &Path| fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
        let is_checkpoint = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("step-");
        let start = Instant::now();
        while !below(&kind).any(|directory| below(&directory).any(|path| is_checkpoint(&path))) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its first checkpoint");
            assert!(start.elapsed() < Duration::from_secs(300), "no checkpoint");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns the bytes of all artifacts, without what a shared store has besides.
    fn artifacts(&self, output: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let store = Store::open(&self.output(output)).unwrap();
        for kind in store.kinds() {
            for key in store.keys(&kind) {
                store.verify(&kind, &key).unwrap();
            }
        }
        assert!(store.locks().is_empty(), "{:?}", store.locks());
        let mut files = common::artifacts(&self.output(output));
        files.retain(|path, _| !path.starts_with(".locks") && path != Path::new("shared.json"));
        files
    }

    /// Returns the bytes that a run on a local store writes.
    fn locally(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let end = end(self.start("local", false));
        assert!(end.status.success(), "{}", text(&end));
        self.artifacts("local")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(false).args(arguments).args(["--format", "json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", text(&output)))
    }
}

fn end(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

fn assert_same(found: &BTreeMap<PathBuf, Vec<u8>>, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in found {
        assert!(*bytes == expected[path], "{} differs", path.display());
    }
}

#[test]
fn two_runs_with_locks_that_lie_share_the_work_and_write_the_bytes_of_a_local_run() {
    let place = Place::new();
    if place.shim().is_none() {
        return;
    }
    place.share("out", &PATIENT);
    let runs = [place.start("out", true), place.start("out", true)].map(end);
    let texts = runs.each_ref().map(text);
    assert!(runs.iter().all(|run| run.status.success()), "{texts:?}");
    let finished = texts.iter().filter(|text| text.contains("done pretrain.main")).count();
    assert_eq!(finished, 1, "trained once: {texts:?}");
    assert_same(&place.artifacts("out"), &place.locally());
}

#[test]
fn a_killed_holder_is_taken_over_from_its_checkpoint() {
    let place = Place::new();
    place.share("out", &PATIENT);
    let mut holder = place.start("out", true);
    place.wait_for_checkpoint("out", &mut holder);
    let waiting = place.start("out", true);
    std::thread::sleep(Duration::from_millis(200));
    holder.kill().unwrap();
    end(holder);
    let waited = end(waiting);
    // By its process number, long before the lease is stale.
    assert!(waited.status.success(), "{}", text(&waited));
    assert!(text(&waited).contains("resuming from"), "{}", text(&waited));
    assert!(place.start("out", true).wait().unwrap().success());
    assert_same(&place.artifacts("out"), &place.locally());
}

/// With sound locks too: the suspended process holds its lock.
#[test]
fn a_suspended_holder_is_fenced_and_told() {
    let place = Place::new();
    for (output, lying) in [("lying", true), ("sound", false)] {
        place.share(output, &HASTY);
        let mut holder = place.start(output, lying);
        place.wait_for_checkpoint(output, &mut holder);
        signal(&holder, "STOP");
        let other = end(place.start(output, lying));
        assert!(other.status.success(), "{}", text(&other));
        assert!(text(&other).contains("resuming from"), "{}", text(&other));
        let before = place.artifacts(output);
        signal(&holder, "CONT");
        let holder = end(holder);
        assert_eq!(holder.status.code(), Some(75), "{}", text(&holder));
        assert!(text(&holder).contains("another process has taken over"), "{}", text(&holder));
        assert!(text(&holder).contains("removed nothing"), "{}", text(&holder));
        let mut after = place.artifacts(output);
        // It may have been suspended between its last look at the lease and a checkpoint, which the next run removes.
        after.retain(|path, _| !path.to_string_lossy().contains(".checkpoints"));
        assert_same(&after, &before);
        assert!(place.start(output, lying).wait().unwrap().success());
        assert_same(&place.artifacts(output), &place.locally());
    }
}

#[test]
fn a_run_counts_as_running_by_its_lease() {
    let place = Place::new();
    place.share("out", &PATIENT);
    let mut run = place.start("out", true);
    place.wait_for_checkpoint("out", &mut run);
    let state = || place.json(&["status", "latest", "--output", "out"])["status"].clone();
    // As another machine sees it that is not locked out.
    let latest = fs::canonicalize(place.output("out/runs/shared/latest")).unwrap();
    fs::write(latest.join("run.lock.new"), "").unwrap();
    fs::rename(latest.join("run.lock.new"), latest.join("run.lock")).unwrap();
    assert_eq!(state(), "running");
    run.kill().unwrap();
    end(run);
    assert_eq!(state(), "killed");
}

#[test]
fn doctor_finds_locks_that_lie_and_marks_the_store_as_shared() {
    let place = Place::new();
    let checks = |report: &Value| -> BTreeMap<String, String> {
        let word = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| (word(check, "check"), word(check, "verdict")))
            .collect()
    };
    let local = place.json(&["doctor", "--store", "out"]);
    assert_eq!((&local["shared"], checks(&local)["locks"].as_str()), (&Value::Null, "ok"), "{local}");
    assert!(["files", "links", "renames", "clock", "free space"].iter().all(|name| checks(&local)[*name] == "ok"));
    assert_eq!(checks(&local)["second machine"], "not_checked");

    let doctor = |arguments: &[&str], lying| place.command(lying).args(["doctor", "--store"]).args(arguments).output();
    if place.shim().is_some() {
        let unsafe_ = doctor(&["out"], true).unwrap();
        assert_eq!(unsafe_.status.code(), Some(3));
        assert!(text(&unsafe_).contains("--share"), "{}", text(&unsafe_));
        let shared = doctor(&["out", "--share"], true).unwrap();
        assert_eq!(shared.status.code(), Some(0), "{}", text(&shared));
        let shared = String::from_utf8_lossy(&shared.stdout).into_owned();
        assert!(shared.contains("leases decide") && shared.contains("renewed every 20 s"), "{shared}");
        assert!(place.output("out/store-v1/shared.json").exists());
    }

    let mut holder = place.command(false);
    let mut holder = holder.args(["doctor", "--store", "out", "--hold", "120"]).spawn().unwrap();
    let start = Instant::now();
    while fs::read(place.output("out/store-v1/.doctor/held")).unwrap_or_default().is_empty() {
        assert!(holder.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
    let meeting = place.json(&["doctor", "--store", "out"]);
    let found = checks(&meeting);
    assert_eq!((found["locks of another machine"].as_str(), found["visibility"].as_str()), ("ok", "ok"), "{meeting}");
    signal(&holder, "TERM");
    assert!(end(holder).status.success());
    assert!(!place.output("out/store-v1/.doctor").exists());
}

#[test]
fn settings_that_cannot_work_are_an_error_of_the_user() {
    let place = Place::new();
    place.share("out", &PATIENT);
    fs::write(place.output("out/store-v1/shared.json"), "{ \"renew_seconds\": 20, \"stale_seconds\": 5 }").unwrap();
    let end = end(place.start("out", false));
    assert_eq!(end.status.code(), Some(2), "{}", text(&end));
    assert!(text(&end).contains("stale_seconds") && text(&end).contains("shared.json"), "{}", text(&end));
}
