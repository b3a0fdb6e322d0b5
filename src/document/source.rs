//! The texts that a configuration consists of, and spans in them.

use crate::base::text::{cut, visible};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Maximum size of a pipeline file in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Maximum number of characters shown of a setting.
const MAX_SETTING_CHARS: usize = 100;

/// A source text: the pipeline file, a setting of the command line, or a base file.
#[derive(Clone, Debug)]
pub(crate) struct SourceText {
    /// Path of the file, or `--set path=value`.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// The file; none for a setting.
    pub(crate) file: Option<PathBuf>,
    /// The directory that relative paths in it are relative to, as seen from the directory of the pipeline file.
    pub(crate) directory: PathBuf,
}

/// A range of bytes in one of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    /// Number of the source.
    pub(crate) source: u32,
    start: u32,
    end: u32,
}

impl Span {
    /// The span of a value that is not written in any source.
    pub(crate) const NOWHERE: Self = Self { source: u32::MAX, start: 0, end: 0 };

    /// Creates a span in a source of at most [`MAX_BYTES`].
    pub(crate) fn new(source: u32, range: Range<usize>) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { source, start: clamp(range.start), end: clamp(range.end.max(range.start)) }
    }

    /// Returns the range of bytes.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the span moved by `offset` bytes.
    pub(crate) fn moved(self, offset: usize) -> Self {
        let range = self.range();
        Self::new(self.source, range.start + offset..range.end + offset)
    }
}

/// One line of a source with a highlighted range, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt<'a> {
    /// Line number from 1.
    pub(crate) line: usize,
    /// Column from 1, in characters.
    pub(crate) column: usize,
    /// The line without its line ending.
    pub(crate) text: &'a str,
    /// Highlighted bytes of the line; may be empty.
    pub(crate) range: Range<usize>,
}

impl SourceText {
    /// Creates the source of a file.
    pub(crate) fn of_file(path: &Path, text: String) -> Self {
        Self {
            name: visible(&path.display().to_string()).into_owned(),
            text,
            file: Some(path.to_owned()),
            directory: PathBuf::new(),
        }
    }

    /// Creates the source of a setting; relative paths in it are relative to the directory of the pipeline file.
    pub(crate) fn of_setting(text: &str) -> Self {
        let name = format!("--set {}", cut(text, MAX_SETTING_CHARS).escape_debug());
        Self { name, text: text.to_owned(), file: None, directory: PathBuf::new() }
    }

    /// Whether locations in it are given as line and column, or as column only.
    pub(crate) fn has_lines(&self) -> bool {
        self.file.is_some()
    }

    /// Returns the line where a span starts, with the span cut to that line.
    pub(crate) fn excerpt(&self, span: Span) -> Excerpt<'_> {
        let start = floor_boundary(&self.text, span.range().start);
        let end = floor_boundary(&self.text, span.range().end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |newline| start + newline);
        let text = self.text[line_start..line_end].trim_end_matches('\r');
        let within = |at: usize| (at - line_start).min(text.len());
        Excerpt {
            line: self.text[..line_start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            text,
            range: within(start)..within(end),
        }
    }

    /// Returns the text at a span.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }
}

/// Returns the start of the character that contains the byte at `index`.
fn floor_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, range: Range<usize>) -> (usize, usize, String, Range<usize>) {
        let source = SourceText::of_file(Path::new("a.toml"), text.into());
        let excerpt = source.excerpt(Span::new(0, range));
        (excerpt.line, excerpt.column, excerpt.text.to_owned(), excerpt.range)
    }

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        assert_eq!(excerpt("a = 1\nb = 2\n", 6..7), (2, 1, "b = 2".into(), 0..1));
        assert_eq!(excerpt("\u{e4}\u{e4} = 1", 5..6), (1, 4, "\u{e4}\u{e4} = 1".into(), 5..6));
        assert_eq!(excerpt("a = 1\r\nb = [\r\n1]", 11..16), (2, 5, "b = [".into(), 4..5));
    }

    #[test]
    fn spans_outside_the_text_are_clamped() {
        assert_eq!(excerpt("", 0..0), (1, 1, String::new(), 0..0));
        assert_eq!(excerpt("a\n", 2..2), (2, 1, String::new(), 0..0));
        assert_eq!(excerpt("a", 7..9), (1, 2, "a".into(), 1..1));
        assert_eq!(excerpt("\u{e4}", 1..2), (1, 1, "\u{e4}".into(), 0..2));
    }
}
