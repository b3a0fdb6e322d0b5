//! The folder of a report.

use crate::base::Result;
use crate::base::files::{create_folder, write_atomic};
use crate::render::data::Report;
use crate::render::{markdown, tables};
use std::path::Path;

/// Writes a report: `index.html`, `results.md`, `plots/*.png` and `.svg`, `tables/*.csv`.
///
/// Equal reports give equal bytes.
///
/// # Errors
/// The folder cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    let table_folder = folder.join("tables");
    create_folder(&table_folder)?;
    for (name, bytes) in tables::all(report)? {
        write_atomic(&table_folder.join(name), &bytes)?;
    }
    write_atomic(&folder.join("results.md"), markdown::results_markdown(report).as_bytes())
}
