//! Writing of a report directory.

use crate::base::files::{create_directory, write_atomic};
use crate::base::{Error, Result};
use crate::render::data::Report;
use crate::render::{markdown, page, plots, tables};
use std::path::Path;

/// Name of the Markdown file with the table of results.
pub(crate) const RESULTS: &str = "results.md";

/// Writes a report: `index.html`, `results.md`, `plots/*.svg`, `.png` and `.pdf`, `tables/*.csv`.
///
/// Equal reports give equal bytes. The page is self-contained.
///
/// # Errors
/// The directory cannot be written.
pub fn write(report: &Report, directory: &Path) -> Result<()> {
    let (table_directory, plot_directory) = (directory.join("tables"), directory.join("plots"));
    create_directory(&table_directory)?;
    create_directory(&plot_directory)?;
    for (name, bytes) in tables::all(report)? {
        put(&table_directory.join(name), &bytes)?;
    }
    let figures = plots::all(report)?;
    for figure in &figures {
        for (extension, bytes) in &figure.rendered.files {
            put(&plot_directory.join(format!("{}.{extension}", figure.name)), bytes)?;
        }
    }
    put(&directory.join(RESULTS), markdown::results_markdown(report).as_bytes())?;
    // Last and atomic, so that the page never exists before the files it links to.
    write_atomic(&directory.join("index.html"), page::html(report, &figures)?.as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::io("write", path, &error))
}
