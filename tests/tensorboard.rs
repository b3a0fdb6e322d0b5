//! `simclr run --sink tensorboard`: the event files hold the metrics that `--sink jsonl` writes. They are read back by
//! a separate parser, and by TensorBoard itself if Python has it.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PIPELINE: &str = r#"
name = "small"

[dataset]
source = { shapes = { train = 60, test = 30, classes = 3 } }
image_size = 16
validation_fraction = 0.2

[augment.views]
ops = [{ random_resized_crop = { scale = [0.5, 1.0] } }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 2
batch_size = 16

[supervised.main]
encoder = { tiny = { width = 0.25 } }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 3
batch_size = 16
"#;

/// Scalars by tag, each with its steps and values.
type Scalars = BTreeMap<String, Vec<(u64, f32)>>;

struct Study {
    _directory: tempfile::TempDir,
    file: PathBuf,
    output: PathBuf,
}

impl Study {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (file, output) = (directory.path().join("small.toml"), directory.path().join("out"));
        fs::write(&file, PIPELINE).unwrap();
        Self { _directory: directory, file, output }
    }

    fn start(&self, more: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.args(["run", "-q", "--sink", "tensorboard"]).args(more).arg(&self.file);
        command.arg("--output").arg(&self.output).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Returns the directories of the runs, in the order in which they started.
    fn runs(&self) -> Vec<PathBuf> {
        entries(&self.output.join("runs/small")).into_iter().filter(|path| !path.is_symlink()).collect()
    }
}

/// Returns the entries of a directory in the order of their names; none if it is missing.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

// ---- A parser of event files.

/// Returns the CRC-32C of bytes, by a table.
fn crc32c(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256_u32)
        .map(|index| (0..8).fold(index, |crc, _| if crc % 2 == 1 { (crc / 2) ^ 0x82f6_3b78 } else { crc / 2 }))
        .collect();
    !bytes.iter().fold(u32::MAX, |crc, byte| table[usize::from(*byte ^ crc as u8)] ^ (crc >> 8))
}

fn assert_checksum(bytes: &[u8], masked: &[u8]) {
    let crc = u64::from(crc32c(bytes));
    let expected = ((crc >> 15 | crc << 17) + 0xa282_ead8) as u32;
    assert_eq!(u32::from_le_bytes(masked.try_into().unwrap()), expected);
}

/// Splits a file into the data of its records.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at(8);
        let (length_crc, rest) = rest.split_at(4);
        let (data, rest) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (data_crc, rest) = rest.split_at(4);
        assert_checksum(length, length_crc);
        assert_checksum(data, data_crc);
        records.push(data);
        bytes = rest;
    }
    records
}

/// Returns the fields of a protobuf message: numbers as 8 bytes, the lowest first.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        panic!("a number is too long")
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => varint(&mut bytes).to_le_bytes().to_vec(),
            wire_type => {
                let length = match wire_type {
                    1 => 8,
                    2 => varint(&mut bytes) as usize,
                    5 => 4,
                    _ => panic!("wire type {wire_type}"),
                };
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                value.to_vec()
            }
        };
        fields.push((key >> 3, value));
    }
    fields
}

fn field(fields: &[(u64, Vec<u8>)], number: u64) -> Option<Vec<u8>> {
    fields.iter().find(|(field, _)| *field == number).map(|(_, value)| value.clone())
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Returns the scalars of an event file, whose first events are the version and the start of a session.
fn scalars(file: &Path) -> Scalars {
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."), "{}", file.display());
    let bytes = fs::read(file).unwrap();
    let events: Vec<_> = records(&bytes).into_iter().map(fields).collect();
    assert_eq!(field(&events[0], 3).unwrap(), b"brain.Event:2");
    assert_eq!(fields(&field(&events[1], 7).unwrap()), [(1, 1_u64.to_le_bytes().to_vec())]);
    let mut scalars = Scalars::new();
    for event in &events[2..] {
        let wall_time = f64::from_le_bytes(field(event, 1).unwrap().try_into().unwrap());
        assert!((1.7e9..1e11).contains(&wall_time), "{wall_time}");
        let step = number(&field(event, 2).unwrap());
        for (_, value) in fields(&field(event, 5).unwrap()) {
            let value = fields(&value);
            let tag = String::from_utf8(field(&value, 1).unwrap()).unwrap();
            let simple_value = f32::from_le_bytes(field(&value, 2).unwrap().try_into().unwrap());
            scalars.entry(tag).or_default().push((step, simple_value));
        }
    }
    scalars
}

/// Returns the scalars of the only event file of a stage.
fn scalars_of(run: &Path, stage: &str) -> Scalars {
    let files = entries(&run.join("tensorboard").join(stage));
    assert_eq!(files.len(), 1, "{files:?}");
    scalars(&files[0])
}

/// Returns the scalars that a stage should have, from the events of `--sink jsonl`.
fn expected(run: &Path, stage: &str) -> Scalars {
    let mut scalars = Scalars::new();
    for line in fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines() {
        let event = &serde_json::from_str::<Value>(line).unwrap()["event"];
        let (step, epoch) = (&event["progress"], &event["epoch"]);
        let of_step =
            ["loss", "accuracy", "learning_rate", "gradient_norm"].map(|name| (format!("train/{name}"), name));
        let of_speed = ["views_per_second", "waiting"].map(|name| (format!("speed/{name}"), name));
        let of_epoch = [
            ("epoch/loss", "loss"),
            ("epoch/accuracy", "accuracy"),
            ("validation/loss", "validation_loss"),
            ("validation/accuracy", "validation_accuracy"),
        ];
        let step = of_step.into_iter().chain(of_speed).map(|(tag, name)| (tag, step, "done", &step["training"][name]));
        let epoch = of_epoch.map(|(tag, name)| (tag.to_owned(), epoch, "step", &epoch[name]));
        for (tag, event, step, value) in step.chain(epoch) {
            if let (Some(value), true) = (value.as_f64(), event["stage"] == stage) {
                scalars.entry(tag).or_default().push((event[step].as_u64().unwrap(), value as f32));
            }
        }
    }
    scalars
}

/// Checks that TensorBoard reads the same scalars; skipped if Python does not have it.
fn assert_read_by_tensorboard(directory: &Path, expected: &Scalars) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_event_files.py");
    let output = Command::new("python3").arg(script).arg(directory).output();
    let Some(output) = output.ok().filter(|output| output.status.code() != Some(77)) else {
        eprintln!("skipped: python3 has no module `tensorboard`");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(&serde_json::from_slice::<Scalars>(&output.stdout).unwrap(), expected);
}

// ---- Runs.

#[test]
fn event_files_hold_the_metrics_of_every_step_and_epoch() {
    let study = Study::new();
    assert!(study.start(&["--sink", "jsonl"]).wait().unwrap().success());
    let run = &study.runs()[0];
    let supervised = "supervised.main[100 % labels]";
    for (stage, steps, epochs) in [("pretrain.main", 6, 2), (supervised, 9, 3)] {
        let scalars = scalars_of(run, stage);
        assert_eq!(scalars, expected(run, stage), "{stage}");
        let steps_of = |tag: &str| scalars[tag].iter().map(|(step, _)| *step).collect::<Vec<_>>();
        assert_eq!(steps_of("train/loss"), (1..=steps).collect::<Vec<_>>());
        assert_eq!(steps_of("epoch/loss"), (1..=epochs).map(|epoch| epoch * steps / epochs).collect::<Vec<_>>());
        assert_eq!(scalars.contains_key("validation/accuracy"), stage == supervised);
        assert_read_by_tensorboard(&run.join("tensorboard").join(stage), &scalars);
    }
    assert_eq!(entries(&run.join("tensorboard")).len(), 2, "a stage without metrics has no directory");
    // Cached stages have no metrics.
    assert!(study.start(&[]).wait().unwrap().success());
    assert!(!study.runs()[1].join("tensorboard").exists());
}

#[cfg(unix)]
#[test]
fn a_resumed_run_continues_with_the_next_step_and_a_kill_loses_nothing() {
    let study = Study::new();
    let mut last = 0;
    for (number, signal) in ["TERM", "TERM", "KILL"].into_iter().enumerate() {
        let mut child = study.start(&["--only", "pretrain", "--set", "pretrain.main.epochs=1000000"]);
        let file = || study.runs().get(number).and_then(|run| entries(&run.join("tensorboard/pretrain.main")).pop());
        let start = std::time::Instant::now();
        while file().is_none_or(|file| fs::metadata(file).unwrap().len() < 2000) {
            assert!(start.elapsed().as_secs() < 60, "no metrics after a minute");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
        let steps: Vec<u64> = scalars(&file().unwrap())["train/loss"].iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, (last + 1..=last + steps.len() as u64).collect::<Vec<_>>(), "{signal}");
        last += steps.len() as u64;
    }
}

#[test]
fn unknown_sinks_are_usage_errors_and_the_help_lists_the_available_ones() {
    let simclr = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_simclr")).args(arguments).output().unwrap();
    let output = simclr(&["run", "a.toml", "--sink", "tensorbord"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("'tensorboard'"), "the closest name is suggested");
    let help = String::from_utf8(simclr(&["run", "--help"]).stdout).unwrap();
    assert!(help.contains("possible values: jsonl, tensorboard, live"), "{help}");
}
