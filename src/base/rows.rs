//! Rows of a table as CSV, with a header made of the field names. Every number survives, also one that is not finite,
//! and every text, though a spreadsheet takes none for a formula.

use crate::base::{Error, Result};
use csv::StringRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// Put before a text that a spreadsheet would compute; it shows the rest as text.
const QUOTE: char = '\'';

/// The CSV form of rows; empty where there are none.
///
/// # Errors
/// A row has no CSV form, which is a bug.
pub fn to_csv<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(no_form)?;
    }
    let plain = writer.into_inner().map_err(no_form)?;
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(plain.len()));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(plain.as_slice());
    let mut record = StringRecord::new();
    let mut is_plain = true;
    while reader.read_record(&mut record).map_err(no_form)? {
        is_plain &= !record.iter().any(is_formula);
        writer.write_record(record.iter().map(|cell| quoted(cell).into_owned())).map_err(no_form)?;
    }
    if is_plain { Ok(plain) } else { writer.into_inner().map_err(no_form) }
}

/// Rows from their CSV form.
///
/// # Errors
/// It does not hold such rows.
pub fn from_csv<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>> {
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

/// A cell as it stands in a CSV file: text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`,
/// `@` or a tab and is no number) has a `'` before it, and so has such text with a `'` already.
///
/// ```
/// use simclr::base::rows::quoted;
/// assert_eq!(quoted("=1+1"), "'=1+1");
/// assert_eq!(quoted("-1.5"), "-1.5");
/// ```
pub fn quoted(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { Cow::Owned(format!("{QUOTE}{cell}")) } else { Cow::Borrowed(cell) }
}

/// The cell that [`quoted`] was given.
pub fn unquoted(cell: &str) -> &str {
    if is_formula(cell) { cell.strip_prefix(QUOTE).unwrap_or(cell) } else { cell }
}

fn is_formula(cell: &str) -> bool {
    let is_computed = cell.trim_start_matches(QUOTE).starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    is_computed && cell.parse::<f64>().is_err()
}

fn no_form(error: impl std::fmt::Display) -> Error {
    Error::bug(format!("rows have no CSV form: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    struct Row {
        name: String,
        value: f64,
    }

    #[test]
    fn every_text_and_number_reads_back_and_none_is_a_formula() {
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
