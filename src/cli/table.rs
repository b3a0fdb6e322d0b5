//! Aligned columns of text.

use super::output::{Tone, paint_maybe};

/// A cell and how it is shown where there are colours.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    pub(super) fn toned(text: impl Into<String>, tone: Option<Tone>) -> Self {
        Self { text: text.into(), tone }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn padded(&self, width: usize, right: bool, color: bool) -> String {
        let space = " ".repeat(width.saturating_sub(self.width()));
        let text = paint_maybe(&self.text, self.tone, color);
        if right { format!("{space}{text}") } else { format!("{text}{space}") }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, None)
    }
}

/// Rows as lines, with two blanks between columns; the columns `right` are aligned to the right.
pub(super) fn table<const N: usize>(rows: &[[Cell; N]], right: &[usize], color: bool) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[Cell; N]| {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(column, cell)| cell.padded(widths[column], right.contains(&column), color));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_their_colour() {
        let rows: [[Cell; 3]; 2] =
            [["a".into(), "1".into(), Cell::toned("é", Some(Tone::Good))], ["bcd".into(), "234".into(), "".into()]];
        assert_eq!(table(&rows, &[1], false), "  a      1  é\n  bcd  234\n");
        assert_eq!(table(&rows, &[1], true), "  a      1  \x1b[32mé\x1b[0m\n  bcd  234\n");
    }
}
