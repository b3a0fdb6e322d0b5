//! The text of the pipeline file.

use super::settings::{EvaluationSettings, Settings};
use crate::base::{Error, Result};
use crate::dataset::source::detect::{DetectedSource, SourceValue, utf8};
use std::path::{Path, PathBuf};

/// The pipeline file, with placeholders for what depends on the images.
const PIPELINE: &str = include_str!("pipeline.toml");
/// Its sections for images with labels.
const EVALUATION: &str = include_str!("evaluation.toml");

/// Signs differ only in their strokes, so the network should become invariant to color and position.
const SIGNS_OPS: &str = "{ random_resized_crop = { scale = [0.4, 1.0] } },
  { color_jitter = { strength = 0.8, hue = 0.5 } },
  { grayscale = { p = 0.3 } },";

/// The augmentation of the SimCLR paper, with a milder crop that suits short training runs.
const IMAGES_OPS: &str = "{ random_resized_crop = { scale = [0.2, 1.0] } },
  { horizontal_flip = { p = 0.5 } },
  { color_jitter = { p = 0.8, strength = 1.0 } },
  { grayscale = { p = 0.2 } },";

/// Small enough for a CPU.
const SIGNS_ENCODER: &str = "{ tiny = { width = 0.5 } }";
/// A ResNet-18 of half the width, for images smaller than those of ImageNet.
const IMAGES_ENCODER: &str = "{ resnet18 = { width = 0.5, stem = \"cifar\" } }";

/// Returns the pipeline file on synthetic signs.
pub(super) fn signs() -> String {
    let source = "{ signs = { train = 4000, test = 2000, classes = 20 } }";
    let evaluation = EvaluationSettings { few: 0.1, k: 20, steps: 2000 };
    let settings = Settings {
        image_size: 32,
        validation_fraction: Some(0.1),
        batch_size: 64,
        epochs: 30,
        evaluation: Some(evaluation),
        classes: Vec::new(),
    };
    fill(source, SIGNS_ENCODER, SIGNS_OPS, &settings)
}

/// Returns the pipeline file on a recognized source, as it is written to `file`.
///
/// # Errors
/// A path is not UTF-8.
pub(super) fn on_images(source: &DetectedSource, settings: &Settings, file: &Path) -> Result<String> {
    let values = source.values.iter().map(|(key, value)| {
        let value = match value {
            SourceValue::Path(path) => toml_path(path, file)?,
            SourceValue::Plain(value) => toml_value(value)?,
        };
        Ok(format!("{key} = {value}"))
    });
    let values = values.collect::<Result<Vec<String>>>()?.join(", ");
    Ok(fill(&format!("{{ {} = {{ {values} }} }}", source.key), IMAGES_ENCODER, IMAGES_OPS, settings))
}

/// Fills in the placeholders. The source comes last: its paths could look like placeholders.
fn fill(source: &str, encoder: &str, ops: &str, settings: &Settings) -> String {
    let evaluation = settings.evaluation.map(evaluation_sections).unwrap_or_default();
    let validation = settings.validation_fraction.map(|fraction| {
        format!("# Fraction of the training images held out for model selection.\nvalidation_fraction = {fraction:?}\n")
    });
    let text = PIPELINE.replace("@EVALUATION@", &evaluation);
    let text = text.replace("@VALIDATION@\n", &format!("{}\n", validation.unwrap_or_default()));
    let text = text.replace("@ENCODER@", encoder).replace("@OPS@", ops);
    let text = text.replace("@SIZE@", &settings.image_size.to_string());
    let text = text.replace("@EPOCHS@", &settings.epochs.to_string());
    text.replace("@BATCH@", &settings.batch_size.to_string()).replace("@SOURCE@", source)
}

fn evaluation_sections(settings: EvaluationSettings) -> String {
    let EvaluationSettings { few, k, steps } = settings;
    let fractions = if few < 1.0 { format!("[{few:?}, 1.0]") } else { "1.0".to_owned() };
    let text = EVALUATION.replace("@FRACTIONS@", &fractions).replace("@FRACTION@", &format!("{few:?}"));
    let text = text.replace("@K@", &k.to_string()).replace("@STEPS@", &steps.to_string());
    text.replace("@FEW@", &format!("{} %", 100.0 * few))
}

/// Formats a path as a TOML string in the pipeline file `file`. Paths in a pipeline file are relative to that file.
fn toml_path(path: &Path, file: &Path) -> Result<String> {
    let is_in_current_directory = file.parent().is_none_or(|directory| directory.as_os_str().is_empty());
    let path: PathBuf = match is_in_current_directory {
        true => path.to_owned(),
        false => std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?,
    };
    Ok(toml::Value::String(utf8(&path)?.to_owned()).to_string())
}

fn toml_value(value: &serde_json::Value) -> Result<String> {
    let value = toml::Value::try_from(value).map_err(|error| Error::bug(format!("{value} is not TOML: {error}")))?;
    Ok(value.to_string())
}
