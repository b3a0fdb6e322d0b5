//! Rows of a table as CSV, with a header made of the field names. Every number survives, also one that is not finite.

use crate::base::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The CSV form of rows; empty where there are none.
///
/// # Errors
/// A row has no CSV form, which is a bug.
pub fn to_csv<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<Vec<u8>> {
    let no_form = |error: String| Error::bug(format!("rows have no CSV form: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| no_form(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| no_form(error.to_string()))
}

/// Rows from their CSV form.
///
/// # Errors
/// It does not hold such rows.
pub fn from_csv<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>> {
    let rows = csv::Reader::from_reader(bytes).deserialize().collect::<Result<_, csv::Error>>();
    rows.map_err(|error| Error::stage(format!("not the expected CSV: {error}")))
}
