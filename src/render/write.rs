//! The folder of a report.

use crate::base::files::{create_folder, write_atomic};
use crate::base::{Error, Result};
use crate::render::data::Report;
use crate::render::draw::canvas;
use crate::render::{markdown, page, plots, tables};
use std::path::Path;

/// Name of the file with the table of results, Markdown.
pub const RESULTS: &str = "results.md";

/// Writes a report: `index.html`, `results.md`, `plots/*.png` and `.svg`, `tables/*.csv`.
///
/// Equal reports give equal bytes. The page needs none of the other files.
///
/// # Errors
/// The folder cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    let (table_folder, plot_folder) = (folder.join("tables"), folder.join("plots"));
    create_folder(&table_folder)?;
    create_folder(&plot_folder)?;
    for (name, bytes) in tables::all(report)? {
        put(&table_folder.join(name), &bytes)?;
    }
    let figures = plots::all(report)?;
    for figure in &figures {
        put(&plot_folder.join(format!("{}.png", figure.name)), &figure.png)?;
        put(&plot_folder.join(format!("{}.svg", figure.name)), canvas::standalone(&figure.svg).as_bytes())?;
    }
    put(&folder.join(RESULTS), markdown::results_markdown(report).as_bytes())?;
    // Last and whole, so that a page never shows before what it links to.
    write_atomic(&folder.join("index.html"), page::html(report, &figures)?.as_bytes())
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::io("write", path, &error))
}
