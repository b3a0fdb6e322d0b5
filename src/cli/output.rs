//! Standard output for results, standard error for everything else; colors where they are wanted. All that a command
//! prints passes here, so this is where text from outside is made harmless.

use super::failure::Failure;
use super::text::{Text, Tone};
use crate::base::text::is_hidden;
use crate::base::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints to standard output. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: impl Into<Text>) -> Result<()> {
    print_own(&text.into().shown(color_on_stdout()))
}

/// As [`print`], of text in which nothing is from outside.
pub(super) fn print_own(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("write", "standard output", &error)),
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON to standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Error::bug(format!("the answer has no JSON form: {error}")))?;
    print_own(&format!("{}\n", escaped_json(&text)))
}

/// JSON with hidden characters as its escapes: a program reads the same, a terminal shows what is there.
fn escaped_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) && c != '\n' {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// Prints a warning to standard error.
pub(super) fn warn(text: impl std::fmt::Display) {
    message(Text::toned("warning:", Tone::Warning).with(format!(" {text}")));
}

/// Prints a line to standard error.
pub(super) fn message(line: impl Into<Text>) {
    message_own(&line.into().shown(color_on_stderr()));
}

/// As [`message`], of text that is harmless already. If it cannot be written there is nobody to tell.
fn message_own(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints why a command did not do its work.
pub(super) fn print_failure(failure: &Failure) {
    match failure {
        // Their renderer makes the colors and shows hidden characters as escapes.
        Failure::Diagnostics(diagnostics) => message_own(diagnostics.render(color_on_stderr()).trim_end()),
        Failure::Error(error) => print_error(error),
    }
}

/// Prints what went wrong.
pub(super) fn print_error(error: &Error) {
    message(Text::toned("error:", Tone::Error).with(format!(" {error}")));
}

/// Whether standard output shows colors.
fn color_on_stdout() -> bool {
    std::io::stdout().is_terminal() && colors_are_wanted()
}

/// Whether standard error shows colors.
fn color_on_stderr() -> bool {
    is_live() && colors_are_wanted()
}

/// Whether standard error is a terminal on which lines can be drawn again.
pub(super) fn is_live() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// <https://no-color.org>
fn colors_are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_reads_back_as_the_value() {
        let value = "a\u{7f}\u{202e}\u{e0001}\n\u{1b} Żółw \u{1f44d}";
        let text = escaped_json(&serde_json::to_string(value).unwrap());
        assert!(!text.contains(is_hidden), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
    }
}
