//! A Parquet file with a column of images and one of labels.

use super::container::check_names;
use super::parquet_footer::check_schema;
use super::parquet_zstd::ZstdPages;
use crate::base::text::visible;
use crate::base::{Error, Result, files, panics};
use parquet::basic::{CompressionCodec, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows that are decoded at once.
const BATCH: usize = 1024;
/// Maximum bytes of the images of a row group, which is decoded as a whole.
const MAX_ROW_GROUP: i64 = 4 << 30;

/// An open Parquet file.
pub(super) struct ParquetFile {
    path: PathBuf,
    file: File,
    reader: SerializedFileReader<File>,
    /// Column of the bytes of images.
    image: usize,
}

/// The values of a column in a row group; `None` for null.
type Values<T> = Vec<Option<T>>;

impl ParquetFile {
    /// Opens a file whose images are in the column `image`.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or has no such column of binary data.
    pub(super) fn open(path: &Path, image: &str) -> Result<Self> {
        let io = |error| Error::io("read", path, &error);
        let mut file = files::open_regular(path).map_err(io)?;
        check_schema(&mut file).map_err(io)?.map_err(|problem| damaged(path, &problem))?;
        let own = file.try_clone().map_err(io)?;
        let reader = caught(|| SerializedFileReader::new(file)).map_err(|problem| damaged(path, &problem))?;
        let opened = Self { path: path.to_owned(), file: own, reader, image: 0 };
        let column = opened.column("image", image)?;
        let found = Self { image: column, ..opened };
        found.check_images()?;
        Ok(found)
    }

    /// Returns the number of rows of each row group.
    pub(super) fn rows(&self) -> Vec<usize> {
        let groups = self.reader.metadata().row_groups();
        groups.iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).collect()
    }

    /// Returns the names of the columns of a file that have encoded images, by their form, and of all columns.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub(super) fn columns(path: &Path) -> Result<(Vec<String>, Vec<String>)> {
        let io = |error| Error::io("read", path, &error);
        let mut file = files::open_regular(path).map_err(io)?;
        check_schema(&mut file).map_err(io)?.map_err(|problem| damaged(path, &problem))?;
        let reader = caught(|| SerializedFileReader::new(file)).map_err(|problem| damaged(path, &problem))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let is_binary = |column: &ColumnDescriptor| {
            column.physical_type() == Type::BYTE_ARRAY
                && column.logical_type_ref().is_none()
                && column.max_rep_level() == 0
        };
        let images = schema.columns().iter().filter(|column| is_binary(column));
        let images = images.filter(|column| matches!(column.path().parts(), [_]) || column.name() == "bytes");
        let first = |column: &ColumnDescriptor| column.path().parts().first().cloned().unwrap_or_default();
        let mut all: Vec<String> = schema.columns().iter().map(|column| first(column)).collect();
        all.dedup();
        Ok((images.map(|column| first(column)).collect(), all))
    }

    /// Returns the class names that the file declares for a column of labels in the form of Hugging Face `datasets`.
    ///
    /// # Errors
    /// They are not valid.
    pub(super) fn class_names(&self, label: &str) -> Result<Option<Vec<String>>> {
        let metadata = self.reader.metadata().file_metadata().key_value_metadata();
        let entry = metadata.into_iter().flatten().find(|entry| entry.key == "huggingface");
        let json: Option<Value> = entry.and_then(|entry| serde_json::from_str(entry.value.as_deref()?).ok());
        let names = json.as_ref().and_then(|json| json["info"]["features"][label]["names"].as_array());
        let Some(names) = names else { return Ok(None) };
        let names: Option<Vec<String>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
        let names = names.ok_or_else(|| "a class name is not a text".to_owned());
        names.and_then(|names| check_names(&names).map(|()| Some(names))).map_err(|problem| {
            let help = "correct the metadata `huggingface` of the file, or set `class_names`";
            Error::stage(problem).at(self.path.display().to_string()).help(help)
        })
    }

    /// Returns the labels of all rows as text; `None` for null.
    ///
    /// # Errors
    /// The file is damaged, or has no such column of integers, texts or truth values.
    pub(super) fn labels(&self, label: &str) -> Result<Values<String>> {
        let column = self.column("label", label)?;
        let kind = self.reader.metadata().file_metadata().schema_descr().column(column).physical_type();
        if ![Type::BOOLEAN, Type::INT32, Type::INT64, Type::BYTE_ARRAY].contains(&kind) {
            return Err(Error::stage(format!("the column `{}` has neither integers nor texts", visible(label)))
                .at(self.path.display().to_string())
                .help("set `label` to a column of labels, or `labels = false` if the images have none"));
        }
        let mut labels = Vec::new();
        for group in 0..self.reader.num_row_groups() {
            self.check_compression(group, column)?;
            let of_group = caught(|| self.labels_of(group, column));
            labels.extend(of_group.map_err(|problem| damaged(&self.path, &in_group(group, &problem)))?);
        }
        Ok(labels)
    }

    fn labels_of(&self, group: usize, column: usize) -> Result<Values<String>, ParquetError> {
        let rows = self.rows_and_level(group, column);
        match self.column_reader(group, column)? {
            ColumnReader::BoolColumnReader(reader) => values(reader, rows, |value| Ok(value.to_string())),
            ColumnReader::Int32ColumnReader(reader) => values(reader, rows, |value| Ok(value.to_string())),
            ColumnReader::Int64ColumnReader(reader) => values(reader, rows, |value| Ok(value.to_string())),
            ColumnReader::ByteArrayColumnReader(reader) => {
                values(reader, rows, |value| Ok(value.as_utf8()?.to_owned()))
            }
            _ => Err(ParquetError::General("labels are neither integers nor texts".to_owned())),
        }
    }

    /// Decodes the images of a row group; `None` for null.
    ///
    /// # Errors
    /// Why they cannot be decoded, as a clause.
    pub(super) fn images(&self, group: usize) -> Result<Values<ByteArray>, String> {
        let rows = self.rows_and_level(group, self.image);
        let read = || match self.column_reader(group, self.image)? {
            ColumnReader::ByteArrayColumnReader(reader) => values(reader, rows, Ok),
            _ => Err(ParquetError::General("images are not binary data".to_owned())),
        };
        caught(read).map_err(|problem| in_group(group, &problem))
    }

    fn column_reader(&self, group: usize, column: usize) -> Result<ColumnReader, ParquetError> {
        let metadata = self.reader.metadata();
        let of_group = metadata.row_group(group);
        if of_group.column(column).compression_codec() != CompressionCodec::ZSTD {
            return self.reader.get_row_group(group)?.get_column_reader(column);
        }
        let pages = ZstdPages::open(self.file.try_clone()?, of_group, column)?;
        Ok(get_column_reader(metadata.file_metadata().schema_descr().column(column), Box::new(pages)))
    }

    /// Returns the number of rows of a row group, and the definition level of the values of a column.
    fn rows_and_level(&self, group: usize, column: usize) -> (usize, i16) {
        let metadata = self.reader.metadata();
        let rows = usize::try_from(metadata.row_group(group).num_rows()).unwrap_or(0);
        (rows, metadata.file_metadata().schema_descr().column(column).max_def_level())
    }

    /// Returns the index of the column that a key names: of binary images, or of labels.
    fn column(&self, key: &str, name: &str) -> Result<usize> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let error = |problem: String, help: &str| Error::stage(problem).at(self.path.display().to_string()).help(help);
        let Some(column) = find(schema, name) else {
            let mut names: Vec<String> = schema
                .columns()
                .iter()
                .filter_map(|column| column.path().parts().first())
                .map(|name| format!("`{}`", visible(name)))
                .collect();
            names.dedup();
            let problem = format!("there is no column `{}`; the columns are {}", visible(name), names.join(", "));
            return Err(error(problem, &format!("set `{key}` to the name of a column of the file")));
        };
        if schema.column(column).max_rep_level() > 0 {
            let problem = format!("the column `{}` has lists instead of one value per row", visible(name));
            return Err(error(problem, &format!("set `{key}` to a column with one value per row")));
        }
        Ok(column)
    }

    /// Checks the column of images, and what the file says of its row groups.
    fn check_images(&self) -> Result<()> {
        let metadata = self.reader.metadata();
        let column = metadata.file_metadata().schema_descr().column(self.image);
        if column.physical_type() != Type::BYTE_ARRAY {
            let name = visible(column.name()).into_owned();
            return Err(Error::stage(format!("the column `{name}` has no binary data"))
                .at(self.path.display().to_string())
                .help(
                    "images are encoded files, such as JPEG, in a column of binary data or of structs {bytes, path}",
                ));
        }
        let length = std::fs::metadata(&self.path).map_err(|error| Error::io("read", &self.path, &error))?.len();
        for (number, group) in metadata.row_groups().iter().enumerate() {
            self.check_compression(number, self.image)?;
            let (rows, column) = (group.num_rows(), group.column(self.image));
            // An image has at least a byte, except for equal images in a dictionary, of which nobody learns.
            if !u64::try_from(rows).is_ok_and(|rows| rows <= length) || column.num_values() != rows {
                let problem = format!("{} rows and {} images", rows, column.num_values());
                return Err(damaged(&self.path, &in_group(number, &problem)));
            }
            if column.uncompressed_size() > MAX_ROW_GROUP {
                let problem = format!("row group {number} has {} bytes of images", column.uncompressed_size());
                return Err(Error::stage(problem).at(self.path.display().to_string()).help(
                    "write the file with smaller row groups, of about 100 images: a group is decoded as a whole",
                ));
            }
        }
        Ok(())
    }

    fn check_compression(&self, group: usize, column: usize) -> Result<()> {
        match self.reader.metadata().row_group(group).column(column).compression_codec() {
            CompressionCodec::UNCOMPRESSED
            | CompressionCodec::SNAPPY
            | CompressionCodec::GZIP
            | CompressionCodec::ZSTD => Ok(()),
            other => Err(Error::stage(format!("the compression {other:?} is not supported"))
                .at(self.path.display().to_string())
                .help("write the file with the compression zstd, snappy, gzip or none")),
        }
    }
}

/// Returns the leaf column of a name: the column itself, or `bytes` in a column of structs.
fn find(schema: &SchemaDescriptor, name: &str) -> Option<usize> {
    let is = |column: &ColumnDescriptor| match column.path().parts() {
        [only] => only == name,
        [first, second] => first == name && second == "bytes",
        _ => false,
    };
    schema.columns().iter().position(|column| is(column)).or_else(|| {
        // Lists, to report them as such.
        schema.columns().iter().position(|column| column.path().parts().first().is_some_and(|first| first == name))
    })
}

/// Reads the values of a column of a row group, whose values that are not null have the definition level `present`.
fn values<T: DataType, V>(
    mut reader: ColumnReaderImpl<T>,
    (rows, present): (usize, i16),
    convert: impl Fn(T::T) -> Result<V, ParquetError>,
) -> Result<Values<V>, ParquetError> {
    let mut found = Vec::new();
    while found.len() < rows {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let batch = BATCH.min(rows - found.len());
        let (records, ..) = reader.read_records(batch, Some(&mut levels), None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::EOF(format!("row {} of {rows} is missing", found.len())));
        }
        let mut values = values.into_iter();
        for record in 0..records {
            let is_present = present == 0 || levels.get(record) == Some(&present);
            found.push(if is_present { values.next().map(&convert).transpose()? } else { None });
        }
    }
    Ok(found)
}

/// Calls the Parquet library, which may panic on damaged files.
fn caught<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match panics::catch(work) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic),
    }
}

fn in_group(group: usize, problem: &str) -> String {
    format!("row group {group}: {problem}")
}

fn damaged(path: &Path, problem: &str) -> Error {
    Error::stage(format!("cannot read it as Parquet: {}", visible(problem)))
        .at(path.display().to_string())
        .help("the file is damaged, truncated or not a Parquet file: download or write it again")
}
