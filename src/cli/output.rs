//! Results go to standard output, everything else to standard error; anstream removes colors where they are unsupported
//! or unwanted. All output passes through here, so this is where untrusted text is escaped.

use super::failure::Failure;
use super::text::{Style, Text};
use crate::base::text::is_hidden;
use crate::base::{Error, Result, json};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints to standard output. A closed pipe (`| head`) is not an error.
pub(super) fn print(text: impl Into<Text>) -> Result<()> {
    print_trusted(&text.into().to_string())
}

/// Prints trusted text to standard output, without escaping.
pub(super) fn print_trusted(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("write", "standard output", &error)),
        _ => Ok(()),
    }
}

/// Prints a value as indented JSON to standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    print_trusted(&escaped_json(&json::pretty(value)?))
}

/// Replaces hidden characters with JSON escapes: a parser reads the same value, and a terminal shows the escapes.
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
    message(Text::styled("warning:", Style::Warning).with(format!(" {text}")));
}

/// Prints a line to standard error.
pub(super) fn message(line: impl Into<Text>) {
    message_trusted(&line.into().to_string());
}

/// Prints a line of trusted text to standard error. Write errors are ignored: there is nowhere left to report them.
fn message_trusted(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Prints why a command failed.
pub(super) fn print_failure(failure: &Failure) {
    match failure {
        // The renderer adds the colors and escapes hidden characters itself.
        Failure::Diagnostics(diagnostics) => message_trusted(diagnostics.render(true).trim_end()),
        Failure::Error(error) => print_error(error),
        Failure::Printed(_) => {}
    }
}

/// Prints an error.
pub(super) fn print_error(error: &Error) {
    message(Text::styled("error:", Style::Error).with(format!(" {error}")));
}

/// Number of columns below which output is not narrowed any further.
const MIN_WIDTH: usize = 20;

/// Returns the number of columns that a line on standard output may have: the value of `COLUMNS`, or else the width of
/// the terminal. Lines have any length if standard output is not a terminal.
pub(super) fn width() -> usize {
    width_of(std::io::stdout())
}

/// Same as [`width`], for standard error.
pub(super) fn error_width() -> usize {
    width_of(std::io::stderr())
}

#[cfg(unix)]
fn width_of(stream: impl std::os::fd::AsFd) -> usize {
    columns(terminal_size::terminal_size_of(stream))
}

#[cfg(not(unix))]
fn width_of(stream: impl std::os::windows::io::AsHandle) -> usize {
    columns(terminal_size::terminal_size_of(stream))
}

fn columns(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    let set = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let width = set.or(terminal.map(|(width, _)| usize::from(width.0)));
    width.map_or(usize::MAX, |width| width.max(MIN_WIDTH))
}

/// Returns whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Returns whether standard error is a terminal that can redraw lines.
pub(super) fn is_live() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
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
