//! The depth of a Parquet file's schema. The Parquet library follows schemas recursively, so that one of many thousand
//! levels would overflow the stack, which cannot be caught.
//!
//! A file ends with its metadata in Thrift's compact protocol, their length in four bytes, and `PAR1`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Maximum levels of a schema: images need two.
const MAX_DEPTH: usize = 100;
/// Maximum levels of the metadata themselves, which have about five.
const MAX_NESTING: usize = 20;
const END: u64 = 8;

/// Types of the compact protocol.
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;
/// Fields of `FileMetaData` and of `SchemaElement`.
const SCHEMA: i64 = 2;
const CHILDREN: i64 = 5;

/// Checks the depth of the schema, and rewinds the file. A file that is not Parquet passes, since it has no schema.
///
/// # Errors
/// The file cannot be read; the inner error is what is wrong with the schema, as a clause.
pub(super) fn check_schema(file: &mut File) -> io::Result<Result<(), String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = [0; END as usize];
    if length > END {
        file.seek(SeekFrom::Start(length - END))?;
        file.read_exact(&mut end)?;
    }
    let [a, b, c, d, magic @ ..] = end;
    let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
    let mut bytes = Vec::new();
    if magic == *b"PAR1" && footer <= length - END {
        file.seek(SeekFrom::Start(length - END - footer))?;
        file.take(footer).read_to_end(&mut bytes)?;
    }
    file.rewind()?;
    let depth = if bytes.is_empty() { Some(0) } else { schema_depth(&bytes) };
    Ok(match depth {
        Some(depth) if depth <= MAX_DEPTH => Ok(()),
        Some(_) => Err(format!("the schema has more than {MAX_DEPTH} levels")),
        None => Err("the metadata are damaged".to_owned()),
    })
}

/// Returns the number of levels of the schema, at most `MAX_DEPTH + 1`; `None` if the metadata are damaged.
fn schema_depth(metadata: &[u8]) -> Option<usize> {
    let mut depth = 0;
    let mut thrift = Thrift { bytes: metadata };
    thrift.fields(|thrift, field, kind| {
        if (field, kind) != (SCHEMA, LIST) {
            return thrift.skip(kind, 0);
        }
        let (elements, STRUCT) = thrift.list()? else { return None };
        // Children that are still to come of each group that is open.
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..elements {
            let children = thrift.children()?;
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 && open.len() <= MAX_DEPTH {
                open.push(children);
            }
            depth = depth.max(open.len());
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Some(())
    })?;
    Some(depth)
}

/// A reader of the compact protocol; `None` is the end of the bytes, or what is not of the protocol.
struct Thrift<'a> {
    bytes: &'a [u8],
}

impl Thrift<'_> {
    /// Calls `visit` with the number and type of each field of a struct; it has to read the value.
    fn fields(&mut self, mut visit: impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        let mut field = 0_i64;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            let step = i64::from(header >> 4);
            field = if step == 0 { self.integer()? } else { field.checked_add(step)? };
            visit(self, field, header & 0xf)?;
        }
    }

    /// Reads an element of the schema, and returns the number of its children.
    fn children(&mut self) -> Option<i64> {
        let mut children = 0;
        self.fields(|thrift, field, kind| match field {
            CHILDREN => thrift.integer().map(|number| children = number),
            _ => thrift.skip(kind, 0),
        })?;
        Some(children)
    }

    /// Reads the header of a list: number and type of its elements.
    fn list(&mut self) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let size = if header >> 4 == 0xf { self.varint()? } else { u64::from(header >> 4) };
        Some((size, header & 0xf))
    }

    fn skip(&mut self, kind: u8, nesting: usize) -> Option<()> {
        if nesting > MAX_NESTING {
            return None;
        }
        match kind {
            1 | 2 => Some(()), // The type of a field is the truth value itself.
            BYTE => self.byte().map(|_| ()),
            4..=6 => self.varint().map(|_| ()),
            DOUBLE => self.advance(8),
            BINARY => self.varint().and_then(|length| self.advance(length)),
            LIST | SET => {
                let (size, kind) = self.list()?;
                let kind = if kind <= 2 { BYTE } else { kind };
                (0..size).try_for_each(|_| self.skip(kind, nesting + 1))
            }
            STRUCT => self.fields(|thrift, _, kind| thrift.skip(kind, nesting + 1)),
            _ => None, // Metadata have no maps.
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn advance(&mut self, length: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(length).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata whose schema has this many groups inside each other, each with one child.
    fn nested(groups: usize) -> Vec<u8> {
        let mut bytes = vec![0x15, 2, 0x19, 0xfc];
        let mut size = groups + 1;
        while size > 0x7f {
            bytes.push(size as u8 | 0x80);
            size >>= 7;
        }
        bytes.push(size as u8);
        (0..groups).for_each(|_| bytes.extend([0x48, 1, b'a', 0x15, 2, 0]));
        bytes.extend([0x15, 12, 0x38, 1, b'b', 0]);
        bytes.extend([0x16, 0, 0x19, 0x0c, 0]);
        bytes
    }

    #[test]
    fn levels_are_counted_and_limited() {
        for groups in [0, 1, 2, 99] {
            assert_eq!(schema_depth(&nested(groups)), Some(groups), "{groups}");
        }
        assert_eq!(schema_depth(&nested(100_000)), Some(MAX_DEPTH + 1));
        let bytes = nested(3);
        for length in 0..bytes.len() {
            assert_eq!(schema_depth(&bytes[..length]), None, "{length}");
        }
        assert_eq!(schema_depth(&[0x1c].repeat(100_000)), None);
    }
}
