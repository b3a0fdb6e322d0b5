//! Pages of Parquet files that are compressed with Zstandard. The crate `parquet` decompresses it by a library in C, so its
//! reader gets such a column as uncompressed, and the pages that it returns are decompressed here.

use parquet::basic::CompressionCodec;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use ruzstd::decoding::StreamingDecoder;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

/// Reads the pages of a column of a row group.
pub(super) struct ZstdPages {
    compressed: SerializedPageReader<File>,
    /// Bytes that the pages may still have, by the metadata of the column.
    remaining: u64,
}

impl ZstdPages {
    /// Opens a column of a row group.
    ///
    /// # Errors
    /// The metadata is damaged.
    pub(super) fn open(file: File, group: &RowGroupMetaData, column: usize) -> Result<Self, ParquetError> {
        let column = group.column(column);
        let plain = column.clone().into_builder().set_compression_codec(CompressionCodec::UNCOMPRESSED).build()?;
        let rows = usize::try_from(group.num_rows())?;
        let compressed = SerializedPageReader::new(Arc::new(file), &plain, rows, None)?;
        Ok(Self { compressed, remaining: u64::try_from(column.uncompressed_size())? })
    }

    /// Appends the decompressed form of bytes to `plain`.
    fn decompress(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), ParquetError> {
        if bytes.is_empty() {
            return Ok(()); // A page without values.
        }
        let failed = |error: String| ParquetError::General(format!("Zstandard: {error}"));
        let decoder = StreamingDecoder::new(bytes).map_err(|error| failed(error.to_string()))?;
        let before = plain.len();
        decoder.take(self.remaining + 1).read_to_end(plain).map_err(|error| failed(error.to_string()))?;
        let read = (plain.len() - before) as u64;
        let more = || failed("a page has more bytes than its column".to_owned());
        self.remaining = self.remaining.checked_sub(read).ok_or_else(more)?;
        Ok(())
    }

    fn decompressed(&mut self, mut page: Page) -> Result<Page, ParquetError> {
        let mut plain = Vec::new();
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
                self.decompress(buf, &mut plain)?;
                *buf = plain.into();
            }
            Page::DataPageV2 { buf, is_compressed, def_levels_byte_len, rep_levels_byte_len, .. } => {
                if *is_compressed {
                    let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                    let short = || ParquetError::EOF("a page is shorter than its levels".to_owned());
                    let (levels, values) = buf.split_at_checked(levels).ok_or_else(short)?;
                    plain.extend_from_slice(levels);
                    self.decompress(values, &mut plain)?;
                    *buf = plain.into();
                }
            }
        }
        Ok(page)
    }
}

impl Iterator for ZstdPages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ZstdPages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let page = self.compressed.get_next_page()?;
        page.map(|page| self.decompressed(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.compressed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.compressed.skip_next_page()
    }
}
