//! Text that fits the width of a terminal, counted in columns: wide characters take two, combining ones none.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const ELLIPSIS: &str = "…";
const NO_BREAK: char = '\u{a0}';

/// Returns a text of at most `width` columns, cut in the middle if it is longer: names of stages and runs differ at both
/// ends.
pub(super) fn cut_middle(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let Some(room) = width.checked_sub(1) else { return Cow::Borrowed("") };
    let tail = room / 2;
    Cow::Owned(format!("{}{ELLIPSIS}{}", start_of(text, room - tail), end_of(text, tail)))
}

/// Returns a text of at most `width` columns, cut at the end if it is longer.
pub(super) fn cut_end(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let Some(room) = width.checked_sub(1) else { return Cow::Borrowed("") };
    Cow::Owned(format!("{}{ELLIPSIS}", start_of(text, room).trim_end()))
}

/// Breaks a text into lines of at most `width` columns. A number stays on one line with its `%`; a word that is longer
/// than a line is broken.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let text = text.replace(" %", &format!("{NO_BREAK}%"));
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        let line = lines.last().map_or(0, |line| line.width());
        if line > 0 && line + 1 + word.width() <= width {
            append(&mut lines, &format!(" {word}"));
            continue;
        }
        if line > 0 {
            lines.push(String::new());
        }
        while word.width() > width {
            // At least one character, even if it is wider than the line.
            let first = word.chars().next().map_or(0, char::len_utf8);
            let (head, rest) = word.split_at(start_of(word, width).len().max(first));
            append(&mut lines, head);
            lines.push(String::new());
            word = rest;
        }
        append(&mut lines, word);
    }
    lines.into_iter().map(|line| line.replace(NO_BREAK, " ")).collect()
}

/// Wraps a text whose first line follows a label of `indent` columns; the other lines are indented by as many.
pub(super) fn wrap_indented(text: &str, width: usize, indent: usize) -> String {
    let separator = format!("\n{}", " ".repeat(indent));
    wrap(text, width.saturating_sub(indent)).join(&separator)
}

fn append(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// Returns the longest beginning of at most `width` columns.
fn start_of(text: &str, width: usize) -> &str {
    let mut columns = 0;
    let end = text.char_indices().find(|(_, c)| {
        columns += c.width().unwrap_or(0);
        columns > width
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// Returns the longest end of at most `width` columns.
fn end_of(text: &str, width: usize) -> &str {
    let mut columns = 0;
    let start = text.char_indices().rev().find(|(_, c)| {
        columns += c.width().unwrap_or(0);
        columns > width
    });
    start.map_or(text, |(start, c)| &text[start + c.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 5] =
        ["", "a", "linear_eval.main[depth 0, 10 % labels]", "東京東京東京 u\u{308}ber", "a  b   c\u{200d}d"];

    #[test]
    fn cut_texts_fit_any_width() {
        for text in TEXTS {
            for width in 0..50 {
                for cut in [cut_middle(text, width), cut_end(text, width)] {
                    assert!(
                        cut.width() <= width && (cut.contains('…') || cut == text || width == 0),
                        "{cut:?} {width}"
                    );
                }
            }
        }
        assert_eq!(cut_middle("linear_eval.main[depth 0]", 15), "linear_…epth 0]");
        assert_eq!(cut_end("linear_eval.main", 8), "linear_…");
    }

    #[test]
    fn wrapped_lines_fit_any_width_and_lose_no_word() {
        for text in TEXTS {
            for width in 2..50 {
                let lines = wrap(text, width);
                assert!(lines.iter().all(|line| line.width() <= width), "{lines:?} {width}");
                let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
                assert_eq!(letters(&lines.concat()), letters(text), "{width}");
            }
        }
        assert_eq!(wrap("reaches 41.3 % at best", 12), ["reaches", "41.3 % at", "best"]);
        assert_eq!(wrap_indented("one two", 7, 4), "one\n    two");
    }
}
