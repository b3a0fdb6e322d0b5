//! Aligned columns of text, which give way if lines would be longer than the terminal is wide.

use super::fit::{cut_end, cut_middle};
use super::text::{Style, Text};
use crate::base::text::visible;
use unicode_width::UnicodeWidthStr;

/// Columns of space before each column.
const GAP: usize = 2;

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

    /// Creates a heading.
    pub(super) fn heading(text: impl Into<String>) -> Self {
        Self::styled(text, Some(Style::Dim))
    }

    fn width(&self) -> usize {
        self.text.width()
    }

    /// Returns the text in exactly `width` columns, or more if it is longer.
    fn padded(&self, width: usize, column: Column) -> Text {
        let shown = match column.cut {
            Cut::End => cut_end(&self.text, width),
            Cut::Never | Cut::Middle => cut_middle(&self.text, width),
        };
        let space = Text::from(" ".repeat(width.saturating_sub(shown.width())));
        let text = Text::styled(shown, self.style);
        if column.right { space.with(text) } else { text.with(space) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, None)
    }
}

/// How a column is aligned, and how it gives way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    right: bool,
    cut: Cut,
    /// Width to which it may be cut.
    min: usize,
    /// Columns with a higher rank are left out first; those of rank 0 stay.
    rank: u8,
}

/// Where the cells of a column are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    Middle,
    End,
}

impl Column {
    /// Creates a left-aligned column that stays as it is.
    pub(super) const fn left() -> Self {
        Self { right: false, cut: Cut::Never, min: 0, rank: 0 }
    }

    /// Creates a right-aligned column that stays as it is.
    pub(super) const fn right() -> Self {
        Self { right: true, ..Self::left() }
    }

    /// May be cut in the middle, to `min` columns.
    pub(super) const fn cut_middle(self, min: usize) -> Self {
        Self { cut: Cut::Middle, min, ..self }
    }

    /// May be cut at the end, to `min` columns.
    pub(super) const fn cut_end(self, min: usize) -> Self {
        Self { cut: Cut::End, min, ..self }
    }

    /// May be left out if cutting does not suffice, the highest rank first.
    pub(super) const fn optional(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    fn least(self, width: usize) -> usize {
        if self.cut == Cut::Never { width } else { width.min(self.min) }
    }
}

/// Formats rows as lines of any length, with two spaces between columns; the columns in `right` are right-aligned.
pub(super) fn table<R: AsRef<[Cell]>>(rows: &[R], right: &[usize]) -> Text {
    let count = rows.first().map_or(0, |row| row.as_ref().len());
    let column = |at: usize| if right.contains(&at) { Column::right() } else { Column::left() };
    fitted(rows, &(0..count).map(column).collect::<Vec<_>>(), usize::MAX)
}

/// Formats rows as lines of at most `width` columns: cells are cut first, then columns are left out.
pub(super) fn fitted<R: AsRef<[Cell]>>(rows: &[R], columns: &[Column], width: usize) -> Text {
    let shown = shown_columns(rows, columns, width);
    let mut text = Text::default();
    for row in rows {
        let mut line = Text::default();
        for (at, width) in &shown {
            let cell = row.as_ref()[*at].padded(*width, columns[*at]);
            line.push(Text::from(" ".repeat(GAP)).with(cell));
        }
        line.trim_end();
        text.push(line.with("\n"));
    }
    text
}

/// Returns the width that rows need.
pub(super) fn natural_width<R: AsRef<[Cell]>>(rows: &[R]) -> usize {
    let count = rows.first().map_or(0, |row| row.as_ref().len());
    (0..count).map(|at| GAP + column_width(rows, at)).sum()
}

fn column_width<R: AsRef<[Cell]>>(rows: &[R], at: usize) -> usize {
    rows.iter().map(|row| row.as_ref()[at].width()).max().unwrap_or(0)
}

/// Returns the columns to show and their widths. Empty columns are left out.
fn shown_columns<R: AsRef<[Cell]>>(rows: &[R], columns: &[Column], width: usize) -> Vec<(usize, usize)> {
    let natural = (0..columns.len()).map(|at| (at, column_width(rows, at)));
    let mut shown: Vec<(usize, usize)> = natural.filter(|(_, width)| *width > 0).collect();
    let least = |shown: &[(usize, usize)]| total(shown.iter().map(|(at, width)| columns[*at].least(*width)));
    while least(&shown) > width {
        let last = shown.iter().enumerate().max_by_key(|(_, (at, _))| columns[*at].rank);
        match last {
            Some((index, (at, _))) if columns[*at].rank > 0 => _ = shown.remove(index),
            _ => break,
        }
    }
    narrow(&mut shown, width, |at, width| columns[at].least(width));
    // On a terminal that is too narrow even so, everything is cut.
    while shown.len() > 1 && total(shown.iter().map(|_| 1)) > width {
        shown.pop();
    }
    narrow(&mut shown, width, |_, _| 1);
    shown
}

fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|width| GAP + width).sum()
}

/// Takes columns from the widest until the lines fit or all have the least width.
fn narrow(shown: &mut [(usize, usize)], width: usize, least: impl Fn(usize, usize) -> usize) {
    let least: Vec<usize> = shown.iter().map(|(at, width)| least(*at, *width)).collect();
    while total(shown.iter().map(|(_, width)| *width)) > width {
        let wide = shown.iter_mut().zip(&least).filter(|((_, width), least)| width > *least);
        let Some(((_, widest), _)) = wide.max_by_key(|((_, width), _)| *width) else { return };
        *widest -= 1;
    }
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

    const COLUMNS: [Column; 4] = [
        Column::left(),
        Column::left().cut_middle(8),
        Column::right().optional(2),
        Column::left().cut_end(6).optional(1),
    ];

    fn stages() -> [[Cell; 4]; 2] {
        [
            ["cached".into(), "linear_eval.main[depth 0]".into(), "12 s".into(), "loss changed".into()],
            ["new".into(), "split".into(), "1 s".into(), "".into()],
        ]
    }

    #[test]
    fn cells_are_cut_before_columns_are_left_out() {
        let text = |width| fitted(&stages(), &COLUMNS, width).to_string();
        assert_eq!(natural_width(&stages()), 55);
        assert!(text(55).starts_with("  cached  linear_eval.main[depth 0]  12 s  loss changed\n"));
        assert!(text(44).starts_with("  cached  linear_…pth 0]  12 s  loss changed\n"), "{}", text(44));
        assert!(text(31).starts_with("  cached  linea…h 0]  loss cha…\n"), "{}", text(31));
        assert_eq!(text(20), "  cached  linea…h 0]\n  new     split\n", "the rest is left out");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 3..60 {
            let text = fitted(&stages(), &COLUMNS, width).to_string();
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
        }
    }
}
