//! `simclr init`: a small pipeline to start from.

use super::args::InitArguments;
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result, files};
use std::path::{Path, PathBuf};

/// The pipeline, with places for what depends on the images.
const TEMPLATE: &str = include_str!("init.toml");

/// Signs differ in their strokes alone, so color and place are what a network should overlook.
const SIGNS_OPS: &str = "{ random_resized_crop = { scale = [0.4, 1.0] } },
  { color_jitter = { strength = 0.8, hue = 0.5 } },
  { grayscale = { p = 0.3 } },";

/// As in the SimCLR paper, with a crop that is milder for a short training.
const IMAGES_OPS: &str = "{ random_resized_crop = { scale = [0.2, 1.0] } },
  { horizontal_flip = { p = 0.5 } },
  { color_jitter = { p = 0.8, strength = 1.0 } },
  { grayscale = { p = 0.2 } },";

/// What depends on the images: places in the template and what is put there.
type Parts = [(&'static str, String); 5];

pub(super) fn run(arguments: &InitArguments) -> Result<Finish, Failure> {
    let file = &arguments.file;
    if file.exists() && !arguments.force {
        let error = Error::usage("the file is there already").at(file.display().to_string());
        return Err(error.help("name another file, or replace it with --force").into());
    }
    let parts = match &arguments.data {
        Some(data) => images(data, file)?,
        None => signs(),
    };
    let text = parts.iter().fold(TEMPLATE.to_owned(), |text, (place, part)| text.replace(place, part));
    files::write_atomic(file, text.as_bytes())?;
    let file = file.display();
    output::print(format!("wrote {file}; look at it, then:\n  simclr preview {file}\n  simclr run {file}\n"))?;
    Ok(Finish::Done)
}

fn signs() -> Parts {
    [
        ("@SOURCE@", "{ signs = { train = 4000, test = 2000, classes = 20 } }".to_owned()),
        ("@SIZE@", "32".to_owned()),
        ("@ENCODER@", "{ tiny = { width = 0.5 } }".to_owned()),
        ("@EPOCHS@", "30".to_owned()),
        ("@OPS@", SIGNS_OPS.to_owned()),
    ]
}

fn images(data: &Path, file: &Path) -> Result<Parts> {
    if !data.is_dir() {
        let error = Error::usage("there is no such directory").at(data.display().to_string());
        return Err(error.help("name the directory that has a directory for each class of your images"));
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

/// The path as a pipeline file beside `file` writes it: relative paths are relative to that file.
fn toml_path(path: &Path, file: &Path) -> Result<String> {
    let is_here = file.parent().is_none_or(|directory| directory.as_os_str().is_empty());
    let path: PathBuf = match is_here {
        true => path.to_owned(),
        false => std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?,
    };
    let text = path.to_str().ok_or_else(|| {
        let error = Error::usage("the path is not UTF-8, which a pipeline file must be");
        error.at(path.display().to_string()).help("rename the directory")
    })?;
    Ok(toml::Value::String(text.to_owned()).to_string())
}
