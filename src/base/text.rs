//! Escaping of untrusted text (names of files and classes, records of other machines) before it is shown: it can
//! neither move the cursor nor color, hide or reverse text.

use std::borrow::Cow;

/// Returns whether a character is invisible or changes how others are shown: control characters (C0, DEL, C1),
/// invisible characters, and those that change the direction of text.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fffe}' | '\u{ffff}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the text on one line, with hidden characters as escapes: `\n`, `\u{1b}`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Same as [`visible`], but keeps line breaks.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// Same as [`visible`], but leaves characters alone for which `stays` is true.
pub(crate) fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |c: char| is_hidden(c) && !stays(c);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' if is_escaped(c) => shown.extend(c.escape_default()),
            c if is_escaped(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Truncates a text to `max` characters followed by an ellipsis, if it is longer.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Joins words to a command for a POSIX shell, with quotes around words that need them.
///
/// ```
/// use simclr::base::text::shell_command;
/// assert_eq!(shell_command(["run", "my a.toml", "seed=3"]), "run 'my a.toml' seed=3");
/// ```
pub fn shell_command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
}

fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hidden_characters_are_escaped() {
        for (text, shown) in [
            ("", ""),
            ("Żółw, 猫, 👍🏽, \\n", "Żółw, 猫, 👍🏽, \\n"),
            ("\x1b[2J\x07\r\n\t\x7f", r"\u{1b}[2J\u{7}\r\n\t\u{7f}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\u{202e}gpj.exe\u{2066}", r"a\u{202e}gpj.exe\u{2066}"),
            ("\u{200b}\u{feff}\u{ad}", r"\u{200b}\u{feff}\u{ad}"),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(visible(&visible(text)), shown, "escaping is idempotent");
        }
        assert_eq!(visible_lines("a\n\tb"), "a\n\\tb");
    }

    #[test]
    fn long_texts_are_truncated_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äöü…");
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_the_words_as_they_were() {
        let words = ["", "a b", "it's", "$HOME", "`ls`", "a=\"b\"", "a\\b", "*", "~", "a;b", "\u{e4}", "plain-1.0"];
        let script = format!("printf '%s\\n' {}", shell_command(words));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().collect::<Vec<_>>(), words, "{script}");
    }
}
