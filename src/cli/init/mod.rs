//! `simclr init`: writes a small pipeline file to start from, on synthetic signs or on the user's images.

mod settings;
mod summary;
mod template;
mod time;

use super::args::InitArguments;
use super::failure::{Failure, Finish};
use super::{output, run};
use crate::base::text::shell_command;
use crate::base::{Error, Result, files};
use crate::dataset::source::Listing;
use crate::dataset::source::detect::{DetectedSource, detect, named};
use crate::dataset::survey::{self, Survey, smallest_classes};
use crate::pipeline;
use settings::Settings;
use std::path::Path;

/// Image size for looking at a source: images in files do not depend on it.
const ANY_SIZE: usize = 64;
/// Fraction of images held out for testing that leaves one of two images.
const TEST_FRACTION_OF_SMALL: f64 = 0.25;

pub(super) fn run(arguments: &InitArguments) -> Result<Finish, Failure> {
    let file = &arguments.file;
    if file.exists() && !arguments.force {
        let error = Error::usage("the file already exists").at(file.display().to_string());
        return Err(error.help("choose another file name, or overwrite it with --force").into());
    }
    match &arguments.data {
        Some(data) => on_images(data, arguments)?,
        None => {
            files::write_atomic(file, template::signs().as_bytes())?;
            print_next(file, "")?;
        }
    }
    Ok(Finish::Done)
}

/// Looks at the images and writes a file that runs on them.
fn on_images(data: &Path, arguments: &InitArguments) -> Result<(), Failure> {
    run::start_worker_threads(None)?;
    let (file, place) = (&arguments.file, data.display().to_string());
    let source = detect(data, !arguments.unlabeled)?;
    output::message(format!("looking at the images of {place}"));
    let directory = tempfile::tempdir().map_err(|error| Error::io("create", std::env::temp_dir(), &error))?;
    let memo = pipeline::digests(directory.path());
    let mut listing = survey::list(&source.dataset(ANY_SIZE)?, &memo)?;
    let source = with_test_images(source, &mut listing, &place)?;
    let survey = Survey::of(listing, &source.dataset(ANY_SIZE)?, &memo)?;
    let settings = Settings::new(&survey).map_err(|error| error.at(place))?;
    let text = template::on_images(&source, &settings, file)?;
    // As `simclr validate` does, so that the file that is written runs.
    let loaded = pipeline::parse(&text, file, &[])?;
    let assembly = pipeline::assemble(&loaded, directory.path(), None)?;
    files::write_atomic(file, text.as_bytes())?;
    output::print(summary::of(&source, &survey, &settings))?;
    assembly.warnings.iter().for_each(output::warn);
    let time = time::of(&loaded, &assembly, &survey).unwrap_or_else(|error| {
        output::warn(format!("cannot estimate how long a run takes: {}", error.what()));
        String::new()
    });
    print_next(file, &time)?;
    Ok(())
}

/// Adds a fraction of test images that leaves images of every class on both sides, if the default would not.
///
/// # Errors
/// A class has only one image.
fn with_test_images(source: DetectedSource, listing: &mut Listing, place: &str) -> Result<DetectedSource> {
    let smallest = smallest_classes(listing);
    match smallest.first().map(|class| class.train + class.test) {
        Some(1) => {
            let names: Vec<String> = smallest.into_iter().map(|class| class.name).collect();
            let what = format!("there is only one image of {}", named(&names));
            let help = "every class needs at least two, one of them for testing: add images, or move the class elsewhere; \
                        to learn without labels, add --unlabeled";
            Err(Error::usage(what).at(place).help(help))
        }
        Some(2) => {
            listing.test_fraction = Some(TEST_FRACTION_OF_SMALL);
            Ok(source.value("test_fraction", TEST_FRACTION_OF_SMALL))
        }
        _ => Ok(source),
    }
}

fn print_next(file: &Path, time: &str) -> Result<()> {
    let command = |name| shell_command(["simclr", name, &file.display().to_string()]);
    output::print(format!("wrote {}; next:\n  {}\n  {}\n{time}", file.display(), command("preview"), command("run")))
}
