//! Text for a terminal. What it says may come from outside, so nothing in it but a tone makes a color.

use crate::base::text::visible_lines;

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// How a word is shown where there are colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Error,
    Warning,
    Good,
    Dim,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Error => RED,
            Self::Warning => YELLOW,
            Self::Good => GREEN,
            Self::Dim => DIM,
        }
    }
}

/// Words, each with or without a tone.
#[derive(Clone, Debug, Default)]
pub(super) struct Text(Vec<(String, Option<Tone>)>);

impl Text {
    /// A word in a tone.
    pub(super) fn toned(word: impl Into<String>, tone: impl Into<Option<Tone>>) -> Self {
        Self(vec![(word.into(), tone.into())])
    }

    /// More text after this.
    pub(super) fn with(mut self, more: impl Into<Self>) -> Self {
        self.push(more);
        self
    }

    /// Adds text at the end.
    pub(super) fn push(&mut self, more: impl Into<Self>) {
        self.0.extend(more.into().0);
    }

    /// Takes blanks away from the end.
    pub(super) fn trim_end(&mut self) {
        while let Some((word, _)) = self.0.last_mut() {
            word.truncate(word.trim_end().len());
            if !word.is_empty() {
                return;
            }
            self.0.pop();
        }
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(word, _)| word.is_empty())
    }

    /// The parts that say something, `between` between them.
    pub(super) fn join(parts: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let mut text = Self::default();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if !text.is_empty() {
                text.push(between);
            }
            text.push(part);
        }
        text
    }

    /// As it is written to a terminal, hidden characters as escapes.
    pub(super) fn shown(&self, color: bool) -> String {
        let word = |(word, tone): &(String, Option<Tone>)| match tone {
            Some(tone) if color && !word.is_empty() => format!("{}{}{RESET}", tone.code(), visible_lines(word)),
            _ => visible_lines(word).into_owned(),
        };
        self.0.iter().map(word).collect()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::toned(text, None)
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
    fn only_a_tone_makes_a_color() {
        let text = Text::toned("a\x1b[31m", Tone::Good).with(" \x1b[1;31mb\u{202e}\n");
        assert_eq!(text.shown(false), "a\\u{1b}[31m \\u{1b}[1;31mb\\u{202e}\n");
        assert_eq!(text.shown(true), "\x1b[32ma\\u{1b}[31m\x1b[0m \\u{1b}[1;31mb\\u{202e}\n");
    }

    #[test]
    fn parts_that_say_nothing_leave_no_gap() {
        let parts = [Text::from(""), "a\n".into(), Text::default(), "b\n".into()];
        assert_eq!(Text::join(parts, "\n").shown(false), "a\n\nb\n");
        let mut text = Text::from("a ").with("  ").with("");
        text.trim_end();
        assert_eq!(text.shown(false), "a");
    }
}
