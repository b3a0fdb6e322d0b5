//! Event files of TensorBoard: a directory per stage with the scalars of its training steps and epochs.
//!
//! A file is a sequence of TFRecords, each with an `Event` of TensorFlow's `event.proto`. Every training step is one
//! record, written at once. A file starts with `brain.Event:2` and the start of a session, at which TensorBoard drops
//! later steps of the same directory that a stage computed before it was restarted.

use super::failure::FirstFailure;
use super::record_file::RecordFile;
use super::{SinkKind, SinkPlace};
use crate::base::text::is_hidden;
use crate::base::{Result, hash};
use crate::engine::{EpochMetrics, Event, EventSink, TrainingMetrics, record};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// `--sink tensorboard`
pub(super) const KIND: SinkKind = SinkKind {
    name: "tensorboard",
    about: "tensorboard/STAGE/: event files with the metrics of every training step and epoch",
    open: |place: SinkPlace<'_>| {
        Box::new(TensorBoard {
            directory: place.run.join("tensorboard"),
            state: Mutex::default(),
            failure: FirstFailure::reported(KIND.name, place.warnings),
        })
    },
};

/// Name and value of a scalar; in TensorBoard, names with the same prefix are a group.
type Scalar = (&'static str, f64);

struct TensorBoard<'a> {
    directory: PathBuf,
    state: Mutex<OpenFiles>,
    failure: FirstFailure<'a>,
}

#[derive(Default)]
struct OpenFiles {
    /// Open file of each running stage.
    by_stage: HashMap<String, EventFile>,
    /// Number of files created, which makes their names unique.
    files: usize,
}

impl EventSink for TensorBoard<'_> {
    fn emit(&self, event: &Event) {
        let written = match event {
            Event::Progress { stage, progress } => match &progress.training {
                Some(metrics) => self.write(stage, progress.done, &step_scalars(metrics)),
                None => Ok(()),
            },
            Event::Epoch { stage, metrics } => self.write(stage, metrics.step, &epoch_scalars(metrics)),
            // A stage that starts again gets a new file.
            Event::Started { stage } | Event::Finished { stage, .. } | Event::Failed { stage, .. } => {
                self.state.lock().unwrap_or_else(PoisonError::into_inner).by_stage.remove(stage);
                Ok(())
            }
            _ => Ok(()),
        };
        self.failure.note(written);
    }
}

impl TensorBoard<'_> {
    fn write(&self, stage: &str, step: u64, scalars: &[Scalar]) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let OpenFiles { by_stage, files } = &mut *state;
        if !by_stage.contains_key(stage) {
            *files += 1;
            by_stage.insert(stage.to_owned(), EventFile::new(&self.directory.join(directory_name(stage)), *files));
        }
        by_stage.get_mut(stage).map_or(Ok(()), |file| file.write(step, scalars))
    }
}

fn step_scalars(metrics: &TrainingMetrics) -> [Scalar; 6] {
    [
        ("train/loss", metrics.loss),
        ("train/accuracy", metrics.accuracy),
        ("train/learning_rate", metrics.learning_rate),
        ("train/gradient_norm", metrics.gradient_norm),
        ("speed/views_per_second", metrics.views_per_second),
        ("speed/waiting", metrics.waiting),
    ]
}

fn epoch_scalars(metrics: &EpochMetrics) -> Vec<Scalar> {
    let always = [("epoch/loss", metrics.loss), ("epoch/accuracy", metrics.accuracy)];
    let loss = metrics.validation_loss.map(|loss| ("validation/loss", loss));
    let accuracy = metrics.validation_accuracy.map(|accuracy| ("validation/accuracy", accuracy));
    always.into_iter().chain(loss).chain(accuracy).collect()
}

/// Returns the name of a stage as a directory name that is valid on every system. A changed name gets the beginning of
/// its digest, so that no two stages share a directory.
fn directory_name(stage: &str) -> String {
    /// Maximum length in bytes; file systems allow 255.
    const MAX_LENGTH: usize = 200;
    let is_special = |c: char| "/\\:*?\"<>|".contains(c) || is_hidden(c);
    let valid = stage.char_indices().map(|(at, c)| (at + c.len_utf8(), if is_special(c) { '_' } else { c }));
    let name: String = valid.take_while(|(end, _)| *end <= MAX_LENGTH).map(|(_, c)| c).collect();
    match name == stage {
        true => name,
        false => format!("{name}-{}", hash::short(&hash::digest_bytes(stage.as_bytes()))),
    }
}

/// Event file of a stage.
struct EventFile {
    file: RecordFile,
    /// Whether the first records are written.
    has_header: bool,
}

impl EventFile {
    /// Names the file `events.out.tfevents.SECONDS.HOST.PROCESS.NUMBER`, as TensorFlow does.
    fn new(directory: &Path, number: usize) -> Self {
        let (time, process) = (wall_time() as u64, std::process::id());
        let host: String = record::host().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let name = format!("events.out.tfevents.{time:010}.{host}.{process}.{number}");
        Self { file: RecordFile::new(directory.join(name)), has_header: false }
    }

    fn write(&mut self, step: u64, scalars: &[Scalar]) -> Result<()> {
        let time = wall_time();
        let mut bytes = Vec::new();
        if !self.has_header {
            bytes.extend(framed(&proto::event(time, 0, &proto::file_version())));
            bytes.extend(framed(&proto::event(time, step, &proto::session_start())));
        }
        bytes.extend(framed(&proto::event(time, step, &proto::summary(scalars))));
        self.file.append(&bytes)?;
        self.has_header = true;
        Ok(())
    }
}

/// Returns the seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Returns data as a TFRecord: length, masked CRC of the length, data, masked CRC of the data.
fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length, &masked_crc(&length).to_le_bytes()[..], data, &masked_crc(data).to_le_bytes()].concat()
}

/// Returns a CRC masked as in TensorFlow, since the CRC of data that contains its own CRC is degenerate.
fn masked_crc(bytes: &[u8]) -> u32 {
    const MASK: u32 = 0xa282_ead8;
    crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

/// Returns the CRC-32C (Castagnoli, RFC 3720). Bit by bit: a record has a few hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let bit = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

/// The messages of `event.proto` and `summary.proto` of TensorFlow, as bytes.
mod proto {
    use super::Scalar;

    /// Wire types.
    const VARINT: u64 = 0;
    const FIXED64: u64 = 1;
    const LENGTH_DELIMITED: u64 = 2;
    const FIXED32: u64 = 5;

    /// Returns `Event { wall_time = 1, step = 2, CONTENT }`.
    pub(super) fn event(wall_time: f64, step: u64, content: &[u8]) -> Vec<u8> {
        let time = [key(1, FIXED64), wall_time.to_le_bytes().to_vec()].concat();
        [time, key(2, VARINT), varint(step), content.to_vec()].concat()
    }

    /// Returns `Event.file_version = 3`.
    pub(super) fn file_version() -> Vec<u8> {
        message(3, b"brain.Event:2")
    }

    /// Returns `Event.session_log = 7` of `SessionLog { status = 1 }` with the status START, 1.
    pub(super) fn session_start() -> Vec<u8> {
        message(7, &[key(1, VARINT), varint(1)].concat())
    }

    /// Returns `Event.summary = 5` of `Summary { value = 1 }` with a `Value { tag = 1, simple_value = 2 }` per scalar.
    pub(super) fn summary(scalars: &[Scalar]) -> Vec<u8> {
        let value = |(tag, value): &Scalar| {
            let simple_value = [key(2, FIXED32), (*value as f32).to_le_bytes().to_vec()].concat();
            message(1, &[message(1, tag.as_bytes()), simple_value].concat())
        };
        message(5, &scalars.iter().flat_map(value).collect::<Vec<_>>())
    }

    fn message(field: u64, content: &[u8]) -> Vec<u8> {
        [&key(field, LENGTH_DELIMITED), &varint(content.len() as u64), content].concat()
    }

    fn key(field: u64, wire_type: u64) -> Vec<u8> {
        varint(field << 3 | wire_type)
    }

    /// Returns a number in groups of seven bits, the lowest first; all but the last have the eighth bit set.
    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[derive(Default)]
    struct Warnings(Mutex<Vec<String>>);

    impl EventSink for Warnings {
        fn emit(&self, event: &Event) {
            let Event::Warning { text, .. } = event else { panic!("only warnings") };
            self.0.lock().unwrap().push(text.clone());
        }
    }

    fn epoch(step: u64) -> Event {
        let metrics = EpochMetrics {
            epoch: 1,
            step,
            loss: 1.5,
            accuracy: 0.5,
            validation_loss: None,
            validation_accuracy: Some(0.25),
        };
        Event::Epoch { stage: "supervised.a".into(), metrics }
    }

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn messages_have_the_bytes_of_protobuf() {
        let bytes = proto::event(1.0, 300, &proto::summary(&[("a", 0.5)]));
        let time = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        let summary = [0x2a, 10, 0x0a, 8, 0x0a, 1, b'a', 0x15, 0, 0, 0, 0x3f];
        assert_eq!(bytes, [&time[..], &[0x10, 0xac, 0x02], &summary].concat());
        assert_eq!(proto::session_start(), [0x3a, 2, 0x08, 1]);
    }

    #[test]
    fn directories_of_stages_are_valid_and_distinct() {
        assert_eq!(directory_name("linear_eval.d[depth 0, 10 % labels]"), "linear_eval.d[depth 0, 10 % labels]");
        let changed = ["a/b", "a:b", "a\nb"].map(directory_name);
        assert!(changed.iter().all(|name| name.starts_with("a_b-")) && changed[0] != changed[1], "{changed:?}");
        assert!(directory_name(&"ż".repeat(300)).len() < 255);
    }

    #[test]
    fn a_restarted_stage_gets_a_new_file() {
        let (run, warnings) = (tempfile::tempdir().unwrap(), Warnings::default());
        let sink = (KIND.open)(SinkPlace { run: run.path(), warnings: &warnings });
        sink.emit(&epoch(1));
        sink.emit(&Event::Started { stage: "supervised.a".into() });
        sink.emit(&epoch(1));
        sink.emit(&epoch(2));
        assert_eq!(fs::read_dir(run.path().join("tensorboard/supervised.a")).unwrap().count(), 2);
        assert!(warnings.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_sink_that_cannot_write_warns_once_and_keeps_trying() {
        let (run, warnings) = (tempfile::tempdir().unwrap(), Warnings::default());
        let blocked = run.path().join("tensorboard");
        fs::write(&blocked, "a file in the way").unwrap();
        let sink = (KIND.open)(SinkPlace { run: run.path(), warnings: &warnings });
        sink.emit(&epoch(1));
        sink.emit(&epoch(2));
        assert_eq!(warnings.0.lock().unwrap().len(), 1);
        fs::remove_file(&blocked).unwrap();
        sink.emit(&epoch(3));
        let file = fs::read_dir(blocked.join("supervised.a")).unwrap().next().unwrap().unwrap();
        let bytes = fs::read(file.path()).unwrap();
        assert!(bytes.windows(13).any(|window| window == b"brain.Event:2"), "the file starts as any other");
        assert_eq!(warnings.0.lock().unwrap().len(), 1);
    }
}
