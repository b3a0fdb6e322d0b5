//! A CSV table of the report.

use crate::base::rows::quoted;
use crate::base::{Error, Result};
use csv::Writer;

/// A CSV table in memory.
pub(crate) struct CsvTable(Writer<Vec<u8>>);

impl CsvTable {
    pub(crate) fn new(columns: &[impl AsRef<[u8]>]) -> Result<Self> {
        let mut table = Self(Writer::from_writer(Vec::new()));
        table.0.write_record(columns).map_err(bug)?;
        Ok(table)
    }

    pub(crate) fn add(&mut self, cells: &[String]) -> Result<()> {
        self.0.write_record(cells.iter().map(|cell| quoted(cell).into_owned())).map_err(bug)
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>> {
        self.0.into_inner().map_err(bug)
    }
}

fn bug(error: impl std::fmt::Display) -> Error {
    Error::bug(format!("cannot write a table of the report: {error}"))
}
