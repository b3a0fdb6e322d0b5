//! Table rows as CSV, with the field names as header. Every text and number survives a round trip, including non-finite
//! numbers, and no spreadsheet takes a text for a formula.

use crate::base::{Error, Result};
use csv::StringRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// Prefix of a text that a spreadsheet would otherwise evaluate as a formula.
const QUOTE: char = '\'';

/// Serializes rows as CSV; no rows give no bytes.
///
/// # Errors
/// A row cannot be written as CSV, which is a bug.
pub(crate) fn to_csv<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(unserializable)?;
    }
    let plain = writer.into_inner().map_err(unserializable)?;
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(plain.len()));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(plain.as_slice());
    let mut record = StringRecord::new();
    let mut is_plain = true;
    while reader.read_record(&mut record).map_err(unserializable)? {
        is_plain &= !record.iter().any(is_formula);
        writer.write_record(record.iter().map(|cell| quoted(cell).into_owned())).map_err(unserializable)?;
    }
    if is_plain { Ok(plain) } else { writer.into_inner().map_err(unserializable) }
}

/// Deserializes rows from CSV.
///
/// # Errors
/// The bytes are not CSV with such rows.
pub(crate) fn from_csv<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>> {
    let wrong = |error: csv::Error| Error::stage(format!("not the expected CSV: {error}"));
    let mut reader = csv::Reader::from_reader(bytes);
    let headers = reader.headers().map_err(wrong)?.clone();
    let row = |record: csv::Result<StringRecord>| {
        let record = record?;
        if !record.iter().any(is_formula) {
            return record.deserialize(Some(&headers));
        }
        let mut unquoted: StringRecord = record.iter().map(unquoted).collect();
        unquoted.set_position(record.position().cloned());
        unquoted.deserialize(Some(&headers))
    };
    reader.records().map(row).collect::<csv::Result<_>>().map_err(wrong)
}

/// Returns a cell as written to CSV: text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`,
/// `@` or a tab and is not a number) gets a `'` prefix, and so does such text that already has one.
pub(crate) fn quoted(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { Cow::Owned(format!("{QUOTE}{cell}")) } else { Cow::Borrowed(cell) }
}

/// Reverses `quoted`.
pub fn unquoted(cell: &str) -> &str {
    if is_formula(cell) { cell.strip_prefix(QUOTE).unwrap_or(cell) } else { cell }
}

fn is_formula(cell: &str) -> bool {
    let is_computed = cell.trim_start_matches(QUOTE).starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    is_computed && cell.parse::<f64>().is_err()
}

fn unserializable(error: impl std::fmt::Display) -> Error {
    Error::bug(format!("rows cannot be written as CSV: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[test]
    fn formulas_are_quoted_and_numbers_are_not() {
        assert_eq!((quoted("=1+1"), quoted("-1.5")), ("'=1+1".into(), "-1.5".into()));
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    struct Row {
        name: String,
        value: f64,
    }

    #[test]
    fn every_text_and_number_round_trips_and_none_is_a_formula() {
        let names = [
            "=1",
            "+a",
            "-2+3",
            "@SUM(1)",
            "\t=1",
            "\r\n=1",
            "'=1",
            "''-x",
            "'tis",
            "a=1",
            "",
            "-1",
            "-inf",
            "a,\"b\"\n",
        ];
        let row = |name: &&str| Row { name: (*name).to_owned(), value: -0.5 };
        let rows: Vec<Row> = names.iter().map(row).collect();
        let bytes = to_csv(&rows).unwrap();
        assert_eq!(from_csv::<Row>(&bytes).unwrap(), rows);
        for record in csv::Reader::from_reader(bytes.as_slice()).records() {
            for cell in &record.unwrap() {
                let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
                assert!(!is_formula || cell.parse::<f64>().is_ok(), "{cell:?}");
            }
        }
        assert_eq!(to_csv([row(&"a")]).unwrap(), b"name,value\na,-0.5\n");
        assert_eq!(to_csv::<Row>([]).unwrap(), b"");
    }
}
