//! Artifacts with valid digests and wrong content, as an import can bring them: each leads to an error or a result,
//! never to a panic, and never takes long.

use crate::common::repeated;
use crate::finished::{FinishedStudy, key_of, rounds};
use serde_json::{Map, Value, json};
use simclr::base::hash;
use simclr::base::rng::{Rng, below, unit};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CHANGES: usize = 120;
/// Maximum time of a run; the study itself takes less than a second.
const MAX_TIME: Duration = Duration::from_secs(60);

fn pick<'a, T>(items: &'a [T], rng: &mut Rng) -> &'a T {
    &items[below(items.len() as u64, rng) as usize]
}

/// Collects JSON pointers to all values of a document; of long lists only the first six items and the last.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), all)),
        Value::Array(items) => {
            let last = items.len().saturating_sub(1);
            for (index, item) in items.iter().enumerate().filter(|(index, _)| *index < 6 || *index == last) {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

fn odd_values() -> Vec<Value> {
    let numbers = ["0", "-1", "1", "0.5", "2147483648", "9007199254740992", "18446744073709551615", "1e308", "-1e308"];
    let numbers = numbers.into_iter().map(|text| serde_json::from_str(text).unwrap());
    numbers
        .chain([Value::Null, json!(true), json!([]), json!({}), json!(""), json!("x"), json!("\u{0}"), json!([[]])])
        .collect()
}

fn change_json(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(bytes).unwrap();
    let mut all = Vec::new();
    pointers(&document, "", &mut all);
    let pointer = pick(&all, rng).clone();
    let value = document.pointer_mut(&pointer).unwrap();
    match (below(4, rng), &mut *value) {
        (0, Value::Array(items)) => items.truncate(below(items.len() as u64 + 1, rng) as usize),
        (1, Value::Array(items)) => items.extend_from_within(..),
        (2, Value::Number(number)) => {
            let number = number.as_f64().unwrap();
            *value = pick(&[json!(number as i64 + 1), json!(number as i64 - 1), json!(-number), json!(1_000_000)], rng)
                .clone();
        }
        (3, Value::Object(fields)) if !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            fields.remove(pick(&names, rng));
        }
        _ => *value = pick(&odd_values(), rng).clone(),
    }
    serde_json::to_vec(&document).unwrap()
}

fn change_csv(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    const CELLS: [&str; 11] =
        ["", "-1", "NaN", "inf", "1e308", "99999999999999999999", "18446744073709551615", "x", "\"", "0", "1000000"];
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = below(lines.len() as u64, rng) as usize;
    match below(5, rng) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => lines.truncate(at + 1),
        _ => {
            let mut cells: Vec<&str> = lines[at].split(',').collect();
            let cell = below(cells.len() as u64, rng) as usize;
            cells[cell] = CELLS[below(CELLS.len() as u64, rng) as usize];
            lines[at] = cells.join(",");
        }
    }
    lines.join("\n").into_bytes()
}

fn change_safetensors(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut body = bytes[8 + length..].to_vec();
    let names: Vec<String> = header.keys().filter(|name| !name.starts_with("__")).cloned().collect();
    let name = pick(&names, rng);
    let array = header.get_mut(name).unwrap();
    match below(8, rng) {
        0 => array["shape"].as_array_mut().unwrap().reverse(),
        1 => remove_row(array, &mut body),
        2 => drop(header.remove(name)),
        3 => array["shape"] = json!([1_u64 << 63, 2]),
        4 => array["data_offsets"] = json!([1_u64 << 63, u64::MAX]),
        5 => array["dtype"] = pick(&["F64", "I32", "BF16", "U8", "zz"].map(|kind| json!(kind)), rng).clone(),
        6 => array["shape"].as_array_mut().unwrap().insert(0, json!(0)),
        _ => {
            let value = pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38, 1e-45], rng).to_le_bytes();
            for _ in 0..*pick(&[1, 50], rng) {
                let at = 4 * below(body.len() as u64 / 4, rng) as usize;
                body[at..at + 4].copy_from_slice(&value);
            }
        }
    }
    let header = serde_json::to_vec(&header).unwrap();
    let length = if unit(rng) < 0.05 { *pick(&[1 << 63, u64::MAX, 0, 7], rng) } else { header.len() as u64 };
    [&length.to_le_bytes()[..], &header, &body].concat()
}

/// Removes the last row of an array if it is the last in the file; otherwise adds two dimensions of length 1.
fn remove_row(array: &mut Value, body: &mut Vec<u8>) {
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<u64>>();
    let (shape, offsets) = (numbers(&array["shape"]), numbers(&array["data_offsets"]));
    if offsets[1] as usize == body.len() && shape[0] > 1 {
        let row = (offsets[1] - offsets[0]) / shape[0];
        array["shape"][0] = json!(shape[0] - 1);
        array["data_offsets"][1] = json!(offsets[1] - row);
        body.truncate(body.len() - row as usize);
    } else {
        array["shape"].as_array_mut().unwrap().splice(0..0, [json!(1), json!(1)]);
    }
}

fn change(path: &Path, rng: &mut Rng) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    match path.extension().unwrap().to_str().unwrap() {
        "json" => change_json(&bytes, rng),
        "csv" => change_csv(&bytes, rng),
        "safetensors" => change_safetensors(&bytes, rng),
        _ => bytes[..below(bytes.len() as u64, rng) as usize].to_vec(),
    }
}

/// Writes a file of an artifact and updates its size and digest in the manifest.
fn put(path: &Path, artifact: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let (manifest, name) = (artifact.join("manifest.json"), path.strip_prefix(artifact).unwrap().to_str().unwrap());
    let mut document: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let files = document["files"].as_array_mut().unwrap();
    let entry = files.iter_mut().find(|file| file["name"] == name).unwrap();
    (entry["bytes"], entry["blake3"]) = (json!(bytes.len()), json!(hash::digest_bytes(bytes)));
    fs::write(&manifest, serde_json::to_vec(&document).unwrap()).unwrap();
}

/// Returns the files that stages read from artifacts; no stage reads the report.
fn input_files(study: &FinishedStudy) -> Vec<PathBuf> {
    let mut files = study.files();
    files.retain(|path| !["key.json", "record.json", "manifest.json"].iter().any(|name| path.ends_with(name)));
    files.retain(|path| !path.components().any(|name| name.as_os_str() == "report"));
    files
}

#[test]
fn wrong_content_is_an_error_or_a_result_and_never_a_panic() {
    let changes = repeated(CHANGES);
    let errors = rounds("hostile", changes, input_files, |study, path, number, rng| {
        let artifact = path.ancestors().find(|directory| directory.ends_with(key_of(path))).unwrap();
        let before = [fs::read(path).unwrap(), fs::read(artifact.join("manifest.json")).unwrap()];
        put(path, artifact, &change(path, rng));
        study.remove_dependents(path);
        let start = Instant::now();
        let run = study.run();
        let (code, text) = (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned());
        let what = format!("change {number} of {}: {code:?}, {text}", path.display());
        assert!(matches!(code, Some(0 | 3)) && !text.contains("panicked"), "{what}");
        assert!(start.elapsed() < MAX_TIME, "{what}");
        assert!(code == Some(0) || text.contains("help: "), "{what}");
        // Restores the file; the next run recomputes its dependents.
        fs::write(path, &before[0]).unwrap();
        fs::write(artifact.join("manifest.json"), &before[1]).unwrap();
        study.remove_dependents(path);
        assert!(study.run().status.success(), "{what}");
        code == Some(3)
    });
    assert!(errors * 4 > changes, "only {errors} of {changes} changes were detected: do they change anything?");
}
