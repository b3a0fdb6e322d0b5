//! Standard output for results, standard error for everything else; colours where they are wanted.

use super::failure::Failure;
use crate::base::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// How a word is shown where there are colours.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    Error,
    Warning,
    Good,
    Dim,
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
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
    print(&format!("{text}\n"))
}

/// Prints a warning to standard error.
pub(super) fn warn(text: impl std::fmt::Display) {
    message(&format!("{} {text}", paint("warning:", Tone::Warning, color_on_stderr())));
}

/// Prints a line to standard error; if that fails there is nobody to tell.
pub(super) fn message(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints why a command did not do its work.
pub(super) fn print_failure(failure: &Failure) {
    match failure {
        Failure::Diagnostics(diagnostics) => message(diagnostics.render(color_on_stderr()).trim_end()),
        Failure::Error(error) => print_error(error),
    }
}

/// Prints what went wrong.
pub(super) fn print_error(error: &Error) {
    message(&format!("{} {error}", paint("error:", Tone::Error, color_on_stderr())));
}

/// The word in the tone's colour, if there are colours.
pub(super) fn paint(word: &str, tone: Tone, color: bool) -> String {
    let code = match tone {
        Tone::Error => RED,
        Tone::Warning => YELLOW,
        Tone::Good => GREEN,
        Tone::Dim => DIM,
    };
    if color && !word.is_empty() { format!("{code}{word}{RESET}") } else { word.to_owned() }
}

/// The word in a tone's colour, if it has a tone and there are colours.
pub(super) fn paint_maybe(word: &str, tone: Option<Tone>, color: bool) -> String {
    tone.map_or_else(|| word.to_owned(), |tone| paint(word, tone, color))
}

/// Whether standard output shows colours.
pub(super) fn color_on_stdout() -> bool {
    std::io::stdout().is_terminal() && colors_are_wanted()
}

/// Whether standard error shows colours.
pub(super) fn color_on_stderr() -> bool {
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
