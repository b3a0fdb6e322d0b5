//! `simclr preview`: renders augmented pairs of images as one PNG file.

use super::args::PreviewArguments;
use super::failure::{Failure, Finish};
use super::{output, run};
use crate::base::{Error, Result, files};
use crate::pipeline;
use std::path::{Path, PathBuf};

pub(super) fn run(arguments: &PreviewArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let loaded = pipeline::load(&arguments.pipeline.file, &arguments.pipeline.set)?;
    let directory = &arguments.store.output;
    let png = match &arguments.out {
        Some(png) => checked(png)?,
        None => {
            let study = directory.join(&loaded.study.name);
            files::create_directory(&study)?;
            study.join("preview.png")
        }
    };
    pipeline::preview(&loaded, arguments.augment.as_deref(), usize::from(arguments.count), &png)?;
    output::print(format!("preview: {}\n", png.display()))?;
    Ok(Finish::Done)
}

/// Checks the name of the file to write, before anything is rendered. Only the directory of the study is created.
fn checked(png: &Path) -> Result<PathBuf> {
    let error = |what: &str| Error::usage(what).at(png.display().to_string());
    if !png.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(error("the preview is a PNG").help("choose a name that ends with .png"));
    }
    let parent = png.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent {
        Some(parent) if !parent.is_dir() => Err(error("the directory does not exist").help("create it first")),
        _ => Ok(png.to_owned()),
    }
}
