//! `simclr init`: writes a small pipeline file to start from.

use super::args::InitArguments;
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result, files};
use std::path::{Path, PathBuf};

/// The pipeline file, with placeholders for what depends on the images.
const TEMPLATE: &str = include_str!("init.toml");

/// Signs differ only in their strokes, so the network should become invariant to color and position.
const SIGNS_OPS: &str = "{ random_resized_crop = { scale = [0.4, 1.0] } },
  { color_jitter = { strength = 0.8, hue = 0.5 } },
  { grayscale = { p = 0.3 } },";

/// The augmentation of the SimCLR paper, with a milder crop that suits short training runs.
const IMAGES_OPS: &str = "{ random_resized_crop = { scale = [0.2, 1.0] } },
  { horizontal_flip = { p = 0.5 } },
  { color_jitter = { p = 0.8, strength = 1.0 } },
  { grayscale = { p = 0.2 } },";

/// The placeholders of the template and their values.
type Placeholders = [(&'static str, String); 5];

pub(super) fn run(arguments: &InitArguments) -> Result<Finish, Failure> {
    let file = &arguments.file;
    if file.exists() && !arguments.force {
        let error = Error::usage("the file already exists").at(file.display().to_string());
        return Err(error.help("choose another file name, or overwrite it with --force").into());
    }
    let values = match &arguments.data {
        Some(data) => images(data, file)?,
        None => signs(),
    };
    let text = values.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(name, value));
    files::write_atomic(file, text.as_bytes())?;
    let file = file.display();
    output::print(format!("wrote {file}; next:\n  simclr preview {file}\n  simclr run {file}\n"))?;
    Ok(Finish::Done)
}

fn signs() -> Placeholders {
    [
        ("@SOURCE@", "{ signs = { train = 4000, test = 2000, classes = 20 } }".to_owned()),
        ("@SIZE@", "32".to_owned()),
        ("@ENCODER@", "{ tiny = { width = 0.5 } }".to_owned()),
        ("@EPOCHS@", "30".to_owned()),
        ("@OPS@", SIGNS_OPS.to_owned()),
    ]
}

fn images(data: &Path, file: &Path) -> Result<Placeholders> {
    if !data.is_dir() {
        let error = Error::usage("the directory does not exist").at(data.display().to_string());
        return Err(error.help("pass the directory that holds one directory per class of your images"));
    }
    let (train, test) = (data.join("train"), data.join("test"));
    let train = if train.is_dir() { train } else { data.to_owned() };
    let mut source = format!("train = {}", toml_path(&train, file)?);
    if test.is_dir() && train != data {
        source.push_str(&format!(", test = {}", toml_path(&test, file)?));
    }
    Ok([
        ("@SOURCE@", format!("{{ image_folder = {{ {source} }} }}")),
        ("@SIZE@", "64".to_owned()),
        ("@ENCODER@", "{ resnet18 = { width = 0.5, stem = \"cifar\" } }".to_owned()),
        ("@EPOCHS@", "50".to_owned()),
        ("@OPS@", IMAGES_OPS.to_owned()),
    ])
}

/// Formats a path as a TOML string in the pipeline file `file`. Paths in a pipeline file are relative to that file.
fn toml_path(path: &Path, file: &Path) -> Result<String> {
    let is_in_current_directory = file.parent().is_none_or(|directory| directory.as_os_str().is_empty());
    let path: PathBuf = match is_in_current_directory {
        true => path.to_owned(),
        false => std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?,
    };
    let text = path.to_str().ok_or_else(|| {
        let error = Error::usage("the path is not UTF-8, so a pipeline file cannot contain it");
        error.at(path.display().to_string()).help("rename the directory")
    })?;
    Ok(toml::Value::String(text.to_owned()).to_string())
}
