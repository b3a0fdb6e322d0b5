//! `simclr preview`: renders augmented pairs of images as one PNG file.

use super::args::PreviewArguments;
use super::failure::{Failure, Finish};
use super::{output, run};
use crate::base::files;
use crate::pipeline;

pub(super) fn run(arguments: &PreviewArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let loaded = pipeline::load(&arguments.pipeline.file, &arguments.pipeline.set)?;
    let directory = &arguments.store.output;
    let png = arguments.out.clone().unwrap_or_else(|| directory.join(&loaded.study.name).join("preview.png"));
    if let Some(parent) = png.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        files::create_directory(parent)?;
    }
    pipeline::preview(&loaded, arguments.augment.as_deref(), usize::from(arguments.count), &png)?;
    output::print(format!("preview: {}\n", png.display()))?;
    Ok(Finish::Done)
}
