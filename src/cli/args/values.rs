//! Values of options: formats, devices, names.

use crate::engine::store::Verify;
use crate::executor::EXECUTORS;
use crate::sinks::SINKS;
use crate::study::DeviceChoice;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, ValueEnum};
use std::ffi::OsStr;

/// Output format of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Text => "text",
            Self::Json => "json",
        }))
    }
}

/// Output format of the results of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultsFormat {
    /// Verdict and short tables for people.
    Text,
    /// The same with every evaluation, for documents.
    Markdown,
    /// Verdict and short tables for programs.
    Json,
}

// Without descriptions: one would put every option of the command's help on lines of its own.
impl ValueEnum for ResultsFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Markdown, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Json => "json",
        }))
    }
}

/// The ranks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RanksArgument {
    /// Threads of one process.
    Count(u16),
    /// Those that an MPI launcher has started.
    Auto,
}

/// The ranks that completions suggest.
pub(super) const RANKS: Suggested<RanksArgument> = Suggested { parse: ranks, values: &["auto", "2", "4", "8"] };

fn ranks(text: &str) -> Result<RanksArgument, String> {
    match text.parse() {
        Ok(count @ 1..=1024) => Ok(RanksArgument::Count(count)),
        _ if text == "auto" => Ok(RanksArgument::Auto),
        _ => Err("expected `auto` or a number from 1 to 1024".to_owned()),
    }
}

/// Returns the parser of the names of sinks. Their descriptions are below the options: beside a value, one would put
/// every option of the command's help on lines of its own.
pub(super) fn sink_names() -> PossibleValuesParser {
    SINKS.iter().map(|kind| PossibleValue::new(kind.name)).collect::<Vec<_>>().into()
}

/// Returns the parser of the names of executors.
pub(super) fn executors() -> PossibleValuesParser {
    EXECUTORS.iter().map(|kind| PossibleValue::new(kind.name)).collect::<Vec<_>>().into()
}

/// Parser with some of the values, for shell completions.
#[derive(Clone)]
pub(super) struct Suggested<T> {
    parse: fn(&str) -> Result<T, String>,
    values: &'static [&'static str],
}

/// The devices that completions suggest.
pub(super) const DEVICES: Suggested<DeviceChoice> =
    Suggested { parse: device, values: &["auto", "cpu", "cuda", "cuda:1"] };
/// When to verify.
pub(super) const VERIFY: Suggested<Verify> = Suggested { parse: verify, values: &["changed", "always", "size"] };

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Suggested<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        self.parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.values.iter().map(|value| PossibleValue::new(*value))))
    }
}

/// Parses a number of minutes of at most a year.
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    /// One year: longer than any run and well within the range of a `Duration`.
    const MAX: f64 = 525_600.0;
    let minutes: f64 = text.parse().map_err(|_| "must be a number of minutes".to_owned())?;
    if (0.0..=MAX).contains(&minutes) { Ok(minutes) } else { Err(format!("must be between 0 and {MAX}")) }
}

/// Parses a number of seconds of at most a day.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    const MAX: f64 = 86_400.0;
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if (0.0..=MAX).contains(&seconds) { Ok(seconds) } else { Err(format!("must be between 0 and {MAX}")) }
}

fn verify(text: &str) -> Result<Verify, String> {
    match text {
        "changed" => Ok(Verify::Changed),
        "always" => Ok(Verify::Always),
        "size" => Ok(Verify::Size),
        _ => Err("must be changed, always or size".to_owned()),
    }
}

fn device(text: &str) -> Result<DeviceChoice, String> {
    DeviceChoice::parse(text).ok_or_else(|| "must be auto, cpu, cuda or cuda:NUMBER".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_must_be_finite_and_not_negative() {
        assert_eq!(minutes("0.5"), Ok(0.5));
        for wrong in ["-1", "nan", "inf", "1e9", "", "five"] {
            assert!(minutes(wrong).is_err() && seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn devices_are_parsed() {
        assert_eq!(device("cuda:3"), Ok(DeviceChoice::Cuda(Some(3))));
        assert_eq!(device("cuda"), Ok(DeviceChoice::Cuda(None)));
        for wrong in ["gpu", "cuda:", "cuda:-1", "cuda1", ""] {
            assert!(device(wrong).is_err(), "{wrong}");
        }
    }
}
