//! Styled text for a terminal. The text may be untrusted, so only a style can produce an escape sequence.

use crate::base::text::visible_lines;
use anstyle::AnsiColor;
use std::fmt;

/// The style of a piece of text on a terminal with colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Error,
    Warning,
    Good,
    /// Headings.
    Strong,
    Dim,
}

impl Style {
    fn ansi(self) -> anstyle::Style {
        match self {
            Self::Error => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Strong => anstyle::Style::new().bold(),
            Self::Dim => anstyle::Style::new().dimmed(),
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
}

impl FromIterator<Text> for Text {
    fn from_iter<I: IntoIterator<Item = Text>>(parts: I) -> Self {
        Self(parts.into_iter().flat_map(|part| part.0).collect())
    }
}

/// Writes the text for a terminal with colors, with hidden characters escaped.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().filter(|(word, _)| !word.is_empty()).try_for_each(|(word, style)| {
            let (style, word) = (style.map(Style::ansi).unwrap_or_default(), visible_lines(word));
            write!(f, "{style}{word}{style:#}")
        })
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
        assert_eq!(text.to_string(), "\x1b[32ma\\u{1b}[31m\x1b[0m \\u{1b}[1;31mb\\u{202e}\n");
    }

    #[test]
    fn empty_parts_leave_no_gap() {
        let parts = [Text::from(""), "a\n".into(), Text::default(), "b\n".into()];
        assert_eq!(Text::join(parts, "\n").to_string(), "a\n\nb\n");
        let mut text = Text::from("a ").with("  ").with("");
        text.trim_end();
        assert_eq!(text.to_string(), "a");
    }
}
