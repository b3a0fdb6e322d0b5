//! The files that stages write to artifacts and read from them.

use crate::base::{Error, Result, files, json, rows};
use crate::nn::NamedTensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Weights and running statistics of a network.
pub const MODEL: &str = "model.safetensors";
/// Features of every image, an array `depth0`, `depth1`, ... of `[images, width]` each.
pub const FEATURES: &str = "features.safetensors";
/// Training history by epoch.
pub const HISTORY: &str = "history.csv";
/// Results of an evaluation.
pub const METRICS: &str = "metrics.json";
/// Solutions of a linear evaluation for each strength of regularization.
pub const REGULARIZATION: &str = "regularization.csv";
/// Weights and biases of a linear evaluation.
pub const CLASSIFIER: &str = "classifier.safetensors";
/// The labeled images that an evaluation used.
pub const LABELED: &str = "labeled.csv";
/// Predicted class of every test image.
pub const PREDICTIONS: &str = "predictions.csv";
/// Points of an embedding.
pub const EMBEDDING: &str = "embedding.csv";
/// Train, validation and test images by number.
pub const SPLIT: &str = "split.json";
/// Images that show the same as an earlier one.
pub const DUPLICATES: &str = "duplicates.csv";
/// Some of them as an image.
pub const DUPLICATES_IMAGE: &str = "duplicates.png";
/// Representation diagnostics: is the representation collapsing?
pub const HEALTH: &str = "health.json";
/// Small versions of the test images, in one file.
pub const THUMBNAILS: &str = "thumbnails.jpg";
/// Similarities of pairs of views, and nearest neighbors.
pub const SIMILARITY: &str = "similarity.json";
/// Positive pairs as an image.
pub const PAIRS: &str = "pairs.png";

/// Returns the error of a readable file whose content no stage writes. Digests detect damage on the disk; this is for
/// files that were imported intact but are invalid.
pub(crate) fn impossible(path: &Path, what: &str) -> Error {
    let error = Error::stage(format!("invalid content: {what}")).at(path.display().to_string());
    error.help("delete the directory of this artifact and run again to recompute it")
}

/// Writes named tensors as safetensors.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_arrays(path: &Path, arrays: &[NamedTensor]) -> Result<()> {
    let views = arrays
        .iter()
        .map(|array| {
            let view = TensorView::new(Dtype::F32, array.shape.clone(), bytemuck::cast_slice(&array.values));
            view.map(|view| (array.name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|error| Error::bug(format!("arrays have no safetensors form: {error}")))?;
    files::write_atomic(path, &views)
}

/// Reads the tensors of a safetensors file, sorted by name.
///
/// # Errors
/// The file cannot be read, is damaged, or has a tensor of another type than 32-bit floats.
pub fn read_arrays(path: &Path) -> Result<Vec<NamedTensor>> {
    let bytes = files::read(path)?;
    let tensors = tensors(&bytes, path)?;
    let array = |(name, view)| NamedTensor::from_view(name, &view).map_err(|error| impossible(path, error.what()));
    let mut arrays = tensors.iter().map(array).collect::<Result<Vec<_>>>()?;
    arrays.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(arrays)
}

/// Reads one tensor of a safetensors file; `None` if it does not exist.
///
/// # Errors
/// As for [`read_arrays`].
pub fn read_array(path: &Path, name: &str) -> Result<Option<NamedTensor>> {
    let bytes = files::read(path)?;
    let tensors = tensors(&bytes, path)?;
    let array = |view| NamedTensor::from_view(name, &view).map_err(|error| impossible(path, error.what()));
    tensors.tensor(name).ok().map(array).transpose()
}

fn tensors<'a>(bytes: &'a [u8], path: &Path) -> Result<SafeTensors<'a>> {
    let damaged = |error| impossible(path, &format!("not a readable safetensors file: {error}"));
    SafeTensors::deserialize(bytes).map_err(damaged)
}

/// Writes a value as indented JSON.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    files::write_atomic(path, json::pretty(value)?.as_bytes())
}

/// Reads a value from JSON.
///
/// # Errors
/// The file cannot be read or does not hold such a value.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&files::read(path)?)
        .map_err(|error| impossible(path, &format!("not the expected JSON: {error}")))
}

/// Writes rows as CSV, with a header made of the field names.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_rows<T: Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> Result<()> {
    files::write_atomic(path, &rows::to_csv(rows)?)
}

/// Reads rows from CSV.
///
/// # Errors
/// The file cannot be read or does not hold such rows.
pub fn read_rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    rows::from_csv(&files::read(path)?).map_err(|error| impossible(path, error.what()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::EpochRecord;

    #[test]
    fn tensors_survive_and_damage_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.safetensors");
        let array = |name: &str, values: Vec<f32>| NamedTensor { name: name.into(), shape: vec![values.len()], values };
        write_arrays(&path, &[array("b", vec![1.5, -2.0]), array("a", vec![f32::MIN_POSITIVE])]).unwrap();
        let read = read_arrays(&path).unwrap();
        assert_eq!((read[0].name.as_str(), read[1].name.as_str()), ("a", "b"));
        assert_eq!(read[1].values, [1.5, -2.0]);
        std::fs::write(&path, b"xx").unwrap();
        assert!(read_arrays(&path).unwrap_err().to_string().contains("a.safetensors"));
    }

    #[test]
    fn records_of_a_training_run_survive_csv() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(HISTORY);
        let record = EpochRecord {
            epoch: 1,
            loss: 1.5,
            accuracy: 0.5,
            learning_rate: 0.2,
            gradient_norm: Some(3.0),
            selection_loss: Some(0.1),
            selection_accuracy: None,
        };
        write_rows(&path, [&record]).unwrap();
        assert_eq!(read_rows::<EpochRecord>(&path).unwrap(), [record]);
    }
}
