//! Invariants that must hold for any bytes, one function for each kind of untrusted file. Shared by the coverage-guided
//! targets in `fuzz/` and the bounded test next to this file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a finding is a panic")]

use image::ImageReader;
use serde_json::Value;
use simclr::base::hash::{digest_bytes, digest_json};
use simclr::base::panics;
use simclr::document::Diagnostics;
use simclr::engine::Store;
use simclr::imaging::{self, CHANNELS};
use simclr::pipeline::parse;
use simclr::stages::artifacts;
use simclr::stages::pretrain::Features;
use simclr::train::Checkpoint;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use tempfile::TempDir;

/// Maximum pixels of an image that is decoded, at 8 bytes per pixel: resource use is not tested here.
const MAX_PIXELS: u64 = (64 << 20) / 8;

thread_local! {
    static DIRECTORY: TempDir = tempfile::tempdir().unwrap();
}

/// Checks a pipeline file: mistakes have a place and can be rendered; a valid file round-trips through its resolved
/// form.
pub(crate) fn pipeline(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse(&text, Path::new("/fuzz/study.toml"), &[]) {
        Ok(loaded) => {
            let resolved = loaded.resolved_toml();
            let again = parse(&resolved, Path::new("/fuzz/resolved.toml"), &[])
                .unwrap_or_else(|mistakes| panic!("{resolved}\n{mistakes}"));
            assert_eq!(format!("{:?}", again.study), format!("{:?}", loaded.study), "{resolved}");
            assert_eq!(again.resolved_toml(), resolved, "the resolved file does not resolve to itself");
        }
        Err(mistakes) => check_mistakes(&mistakes, &text),
    }
}

fn check_mistakes(mistakes: &Diagnostics, text: &str) {
    let lines = text.split('\n').count();
    assert!(mistakes.count() > 0);
    for mistake in mistakes.iter() {
        assert!((1..=lines).contains(&mistake.line) && mistake.column >= 1 && !mistake.message.is_empty());
    }
    let shown = mistakes.render(false);
    let is_harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    assert!(shown.contains("study.toml") && shown.chars().all(is_harmless), "{shown:?}");
    assert!(!mistakes.render(true).is_empty());
}

/// Checks an image file: it has as many bytes as its size implies, or a reason of one line.
pub(crate) fn image(bytes: &[u8]) {
    // Third-party decoders may panic; callers catch that.
    let decoded = panics::catch(|| (!is_large(bytes)).then(|| imaging::decode(bytes)));
    match decoded {
        Ok(Some(Ok(image))) => {
            assert!(image.width > 0 && image.height > 0);
            assert_eq!(image.rgb.len(), image.width * image.height * CHANNELS);
        }
        Ok(Some(Err(reason))) => assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}"),
        Ok(None) | Err(_) => {}
    }
}

fn is_large(bytes: &[u8]) -> bool {
    let size = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map(ImageReader::into_dimensions);
    matches!(size, Ok(Ok((width, height))) if u64::from(width) * u64::from(height) > MAX_PIXELS)
}

/// Checks the files of an artifact that the store itself reads: manifest, record, key.
pub(crate) fn artifact(bytes: &[u8]) {
    DIRECTORY.with(|directory| {
        let store = Store::open(directory.path()).unwrap();
        let artifact = Artifact { store: &store, key: digest_bytes(KEY) };
        artifact.write("key.json", KEY);
        artifact.write("split.json", CONTENT);
        artifact.write("record.json", RECORD);
        artifact.write("manifest.json", &manifest(&artifact.key));
        artifact.read();
        for (name, whole) in [("manifest.json", manifest(&artifact.key)), ("record.json", RECORD.into())] {
            artifact.write(name, bytes);
            artifact.read();
            artifact.write(name, &whole);
        }
        if let Some(sealed) = sealed(bytes) {
            artifact.write("record.json", sealed.as_bytes());
            artifact.read();
        }
        fs::remove_dir_all(artifact.store.artifact_path(KIND, &artifact.key)).unwrap();

        let artifact = Artifact { store: &store, key: digest_bytes(bytes) };
        artifact.write("key.json", bytes);
        artifact.write("split.json", CONTENT);
        artifact.write("manifest.json", &manifest(&artifact.key));
        artifact.read();
        fs::remove_dir_all(artifact.store.artifact_path(KIND, &artifact.key)).unwrap();
    });
}

const KIND: &str = "split";
const CONTENT: &[u8] = b"{}";
const KEY: &[u8] = br#"{"inputs":{},"kind":"split","parameters":{},"store":1,"version":1}"#;
const RECORD: &[u8] =
    br#"{"host":"","seconds":1.0,"simclr":"0.1.0","stage":"split","started":"2026-01-01T00:00:00Z","summary":"","threads":1}"#;

fn manifest(key: &str) -> Vec<u8> {
    let (bytes, digest) = (CONTENT.len(), digest_bytes(CONTENT));
    let text = format!(r#"{{"key":"{key}","files":[{{"name":"split.json","bytes":{bytes},"blake3":"{digest}"}}]}}"#);
    text.into_bytes()
}

/// Returns a record with the right digest, so that the code after the digest check is reached too.
fn sealed(bytes: &[u8]) -> Option<String> {
    let mut record: Value = serde_json::from_slice(bytes).ok()?;
    record.as_object_mut()?.remove("blake3");
    let digest = digest_json(&record).ok()?;
    record["blake3"] = Value::String(digest);
    Some(record.to_string())
}

struct Artifact<'a> {
    store: &'a Store,
    key: String,
}

impl Artifact<'_> {
    fn write(&self, name: &str, bytes: &[u8]) {
        let place = self.store.artifact_path(KIND, &self.key);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(name), bytes).unwrap();
    }

    /// Calls everything that reads the artifact; errors must have a message.
    fn read(&self) {
        let (store, key) = (self.store, &self.key);
        let _ = store.state(KIND, key);
        let _ = store.record(KIND, key);
        let _ = store.stale(KIND, key);
        let _ = store.suspects(key);
        let _ = (store.artifacts(), store.leftovers(), store.keys(KIND));
        if let Ok(document) = store.key_document(KIND, key) {
            assert!(document.text().is_ok());
        }
        if let Err(error) = store.verify(KIND, key) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Checks weights, features and checkpoints: arrays match their shapes, and features are finite.
pub(crate) fn safetensors(bytes: &[u8]) {
    DIRECTORY.with(|directory| {
        let path = directory.path().join(artifacts::FEATURES);
        fs::write(&path, bytes).unwrap();
        for array in artifacts::read_arrays(&path).unwrap_or_default() {
            assert_eq!(array.values.len(), array.shape.iter().product::<usize>());
        }
        for images in [1, 3] {
            if let Ok(features) = Features::read(directory.path(), 0, images) {
                assert_eq!(features.rows(&[0, images - 1]).len(), 2 * features.width);
                assert!(features.values.iter().all(|value| value.is_finite()));
            }
        }
        let _ = Checkpoint::read(&path);
        if let Some(digested) = digested(bytes) {
            fs::write(&path, digested).unwrap();
            let _ = Checkpoint::read(&path);
        }
    });
}

/// Replaces the digest at the end of a checkpoint by the right one, so that the code after the digest check is reached
/// too.
fn digested(bytes: &[u8]) -> Option<Vec<u8>> {
    let (content, _) = bytes.split_last_chunk::<{ blake3::OUT_LEN }>()?;
    Some([content, blake3::hash(content).as_bytes().as_slice()].concat())
}
