//! Aligned columns of text.

use super::text::{Text, Tone};
use crate::base::text::visible;

/// A cell, in one line, and how it is shown where there are colors.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    pub(super) fn toned(text: impl Into<String>, tone: Option<Tone>) -> Self {
        Self { text: visible(&text.into()).into_owned(), tone }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn padded(&self, width: usize, right: bool) -> Text {
        let space = Text::from(" ".repeat(width.saturating_sub(self.width())));
        let text = Text::toned(self.text.as_str(), self.tone);
        if right { space.with(text) } else { text.with(space) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, None)
    }
}

/// Rows as lines, with two blanks between columns; the columns `right` are aligned to the right.
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
    fn columns_are_aligned_whatever_their_color() {
        let rows: [[Cell; 3]; 2] =
            [["a".into(), "1".into(), Cell::toned("é", Some(Tone::Good))], ["bcd".into(), "234".into(), "".into()]];
        assert_eq!(table(&rows, &[1]).shown(false), "  a      1  é\n  bcd  234\n");
        assert_eq!(table(&rows, &[1]).shown(true), "  a      1  \x1b[32mé\x1b[0m\n  bcd  234\n");
    }

    #[test]
    fn a_cell_is_one_line_and_as_wide_as_it_is_shown() {
        let rows: [[Cell; 2]; 2] = [["a\n\x1b".into(), "1".into()], ["b".into(), "2".into()]];
        assert_eq!(table(&rows, &[]).shown(true), "  a\\n\\u{1b}  1\n  b          2\n");
    }
}
