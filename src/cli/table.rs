//! Aligned columns of text.

use super::text::{Style, Text};
use crate::base::text::visible;
use unicode_width::UnicodeWidthStr;

/// A cell: one line of text and its style.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    pub(super) fn styled(text: impl Into<String>, style: Option<Style>) -> Self {
        Self { text: visible(&text.into()).into_owned(), style }
    }

    fn width(&self) -> usize {
        self.text.width()
    }

    fn padded(&self, width: usize, right: bool) -> Text {
        let space = Text::from(" ".repeat(width.saturating_sub(self.width())));
        let text = Text::styled(self.text.as_str(), self.style);
        if right { space.with(text) } else { text.with(space) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, None)
    }
}

/// Formats rows as lines with two spaces between columns; the columns in `right` are right-aligned.
pub(super) fn table<const N: usize>(rows: &[[Cell; N]], right: &[usize]) -> Text {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = Text::default();
    for row in rows {
        let mut line = Text::default();
        for (column, cell) in row.iter().enumerate() {
            line.push(Text::from("  ").with(cell.padded(widths[column], right.contains(&column))));
        }
        line.trim_end();
        text.push(line.with("\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_do_not_affect_alignment() {
        let rows: [[Cell; 3]; 2] =
            [["a".into(), "1".into(), Cell::styled("é", Some(Style::Good))], ["bcd".into(), "234".into(), "".into()]];
        assert_eq!(table(&rows, &[1]).to_string(), "  a      1  \x1b[32mé\x1b[0m\n  bcd  234\n");
    }

    #[test]
    fn a_cell_is_one_line_and_as_wide_as_its_escaped_text() {
        let rows: [[Cell; 2]; 2] = [["a\n\x1b".into(), "1".into()], ["b".into(), "2".into()]];
        assert_eq!(table(&rows, &[]).to_string(), "  a\\n\\u{1b}  1\n  b          2\n");
    }

    #[test]
    fn a_wide_character_takes_two_columns_and_a_combining_one_none() {
        let rows: [[Cell; 2]; 3] =
            [["東京".into(), "1".into()], ["u\u{308}ber".into(), "2".into()], ["abc".into(), "3".into()]];
        assert_eq!(table(&rows, &[]).to_string(), "  東京  1\n  u\u{308}ber  2\n  abc   3\n");
    }
}
