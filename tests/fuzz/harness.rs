//! What must hold for any bytes at all, one function for each kind of file that may come from elsewhere. Shared by the
//! coverage-guided targets in `fuzz/` and the bounded test beside this file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a finding is a panic")]

use image::ImageReader;
use serde_json::Value;
use simclr::base::hash::{digest_bytes, digest_json};
use simclr::base::panics;
use simclr::config::{Diagnostics, parse};
use simclr::engine::Store;
use simclr::imaging::{self, CHANNELS};
use simclr::stages::features::Features;
use simclr::stages::formats;
use simclr::train::Checkpoint;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use tempfile::TempDir;

/// Most bytes of pixels that are decoded, at eight a pixel: what an image costs is not what is looked for here.
const MOST_PIXELS: u64 = (64 << 20) / 8;

thread_local! {
    static DIRECTORY: TempDir = tempfile::tempdir().unwrap();
}

/// A pipeline file: mistakes have a place and can be shown; what is right is the same study once it is written out.
pub(crate) fn pipeline(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match parse(&text, Path::new("/fuzz/study.toml"), &[]) {
        Ok(loaded) => {
            let resolved = loaded.resolved_toml();
            let again = parse(&resolved, Path::new("/fuzz/resolved.toml"), &[])
                .unwrap_or_else(|mistakes| panic!("{resolved}\n{mistakes}"));
            assert_eq!(format!("{:?}", again.study), format!("{:?}", loaded.study), "{resolved}");
            assert_eq!(again.resolved_toml(), resolved, "the text of the text is another");
        }
        Err(mistakes) => hold_to_text(&mistakes, &text),
    }
}

fn hold_to_text(mistakes: &Diagnostics, text: &str) {
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

/// An image file: as many bytes as its size says, or a reason in one line.
pub(crate) fn image(bytes: &[u8]) {
    // The decoders are other people's; whoever decodes catches their panics.
    let decoded = panics::caught(|| (!is_large(bytes)).then(|| imaging::decode(bytes)));
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
    matches!(size, Ok(Ok((width, height))) if u64::from(width) * u64::from(height) > MOST_PIXELS)
}

/// The files of an artifact that the store itself reads: manifest, record, key.
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
        fs::remove_dir_all(artifact.store.place(KIND, &artifact.key)).unwrap();

        let artifact = Artifact { store: &store, key: digest_bytes(bytes) };
        artifact.write("key.json", bytes);
        artifact.write("split.json", CONTENT);
        artifact.write("manifest.json", &manifest(&artifact.key));
        artifact.read();
        fs::remove_dir_all(artifact.store.place(KIND, &artifact.key)).unwrap();
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

/// A record with the digest that it should have, so that what is behind the digest is read too.
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
        let place = self.store.place(KIND, &self.key);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(name), bytes).unwrap();
    }

    /// All that the store can say of it; what is wrong is said, in words.
    fn read(&self) {
        let (store, key) = (self.store, &self.key);
        let _ = store.state(KIND, key);
        let _ = store.record(KIND, key);
        let _ = store.stale(KIND, key);
        let _ = store.doubtful(key);
        let _ = (store.artifacts(), store.leftovers(), store.keys(KIND));
        if let Ok(document) = store.key_document(KIND, key) {
            assert!(document.text().is_ok());
        }
        if let Err(error) = store.verify(KIND, key) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Weights, features and checkpoints: arrays of the size that their shape says, finite features.
pub(crate) fn safetensors(bytes: &[u8]) {
    DIRECTORY.with(|directory| {
        let path = directory.path().join(formats::FEATURES);
        fs::write(&path, bytes).unwrap();
        for array in formats::read_arrays(&path).unwrap_or_default() {
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

/// With the digest that a checkpoint ends in, so that what is behind the digest is read too.
fn digested(bytes: &[u8]) -> Option<Vec<u8>> {
    let (content, _) = bytes.split_last_chunk::<{ blake3::OUT_LEN }>()?;
    Some([content, blake3::hash(content).as_bytes().as_slice()].concat())
}
