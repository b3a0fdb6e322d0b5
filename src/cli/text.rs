//! Styled text for a terminal. The text may be untrusted, so only a style can produce an escape sequence.

use crate::base::text::visible_lines;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// The style of a piece of text on a terminal with colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Error,
    Warning,
    Good,
    Dim,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Error => RED,
            Self::Warning => YELLOW,
            Self::Good => GREEN,
            Self::Dim => DIM,
        }
    }
}

/// Pieces of text, each with or without a style.
#[derive(Clone, Debug, Default)]
pub(super) struct Text(Vec<(String, Option<Style>)>);

impl Text {
    /// Creates a styled piece of text.
    pub(super) fn styled(word: impl Into<String>, style: impl Into<Option<Style>>) -> Self {
        Self(vec![(word.into(), style.into())])
    }

    /// Returns this text followed by more.
    pub(super) fn with(mut self, more: impl Into<Self>) -> Self {
        self.push(more);
        self
    }

    /// Appends text.
    pub(super) fn push(&mut self, more: impl Into<Self>) {
        self.0.extend(more.into().0);
    }

    /// Removes trailing whitespace.
    pub(super) fn trim_end(&mut self) {
        while let Some((word, _)) = self.0.last_mut() {
            word.truncate(word.trim_end().len());
            if !word.is_empty() {
                return;
            }
            self.0.pop();
        }
    }

    /// Returns whether the text is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(word, _)| word.is_empty())
    }

    /// Joins the parts that are not empty.
    pub(super) fn join(parts: impl IntoIterator<Item = Self>, separator: &str) -> Self {
        let mut text = Self::default();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !text.is_empty() {
                text.push(separator);
            }
            text.push(part);
        }
        text
    }

    /// Renders the text for a terminal, with hidden characters escaped.
    pub(super) fn render(&self, color: bool) -> String {
        let word = |(word, style): &(String, Option<Style>)| match style {
            Some(style) if color && !word.is_empty() => format!("{}{}{RESET}", style.code(), visible_lines(word)),
            _ => visible_lines(word).into_owned(),
        };
        self.0.iter().map(word).collect()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::styled(text, None)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_style_makes_a_color() {
        let text = Text::styled("a\x1b[31m", Style::Good).with(" \x1b[1;31mb\u{202e}\n");
        assert_eq!(text.render(false), "a\\u{1b}[31m \\u{1b}[1;31mb\\u{202e}\n");
        assert_eq!(text.render(true), "\x1b[32ma\\u{1b}[31m\x1b[0m \\u{1b}[1;31mb\\u{202e}\n");
    }

    #[test]
    fn empty_parts_leave_no_gap() {
        let parts = [Text::from(""), "a\n".into(), Text::default(), "b\n".into()];
        assert_eq!(Text::join(parts, "\n").render(false), "a\n\nb\n");
        let mut text = Text::from("a ").with("  ").with("");
        text.trim_end();
        assert_eq!(text.render(false), "a");
    }
}
