//! Times and amounts of memory as people write them: `"5 min"`, `"8 GB"`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::time::Duration;

/// Units of time and their seconds.
const TIMES: [(&str, f64); 9] = [
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("sec", 1.0),
    ("m", 60.0),
    ("hours", 3600.0),
    ("hour", 3600.0),
    ("days", 86_400.0),
];
/// Longest time, about a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;
/// Units of memory and their bytes.
const SIZES: [(&str, f64); 6] = [
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];
/// The word for memory that is estimated.
const AUTO: &str = "auto";

/// A time, written as `"90 s"`, `"5 min"`, `"24 h"` or `"2 d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

/// An amount of memory: `"auto"`, or `"500 MB"`, `"8 GB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Estimated.
    Auto,
    /// Bytes.
    Bytes(u64),
}

impl Time {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// Splits `12.5 GB` into number and factor of the unit.
fn parse(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let number: f64 = text[..end].parse().ok()?;
    let factor = units.iter().find(|(unit, _)| *unit == text[end..].trim())?.1;
    Some(number * factor)
}

fn time(text: &str) -> Result<Time, String> {
    let wrong = || format!("expected a time such as \"90 s\", \"5 min\", \"24 h\" or \"2 d\", found \"{text}\"");
    let seconds = parse(text, &TIMES).ok_or_else(wrong)?;
    if seconds > MAX_SECONDS {
        return Err(format!("the time \"{text}\" is longer than a year"));
    }
    Ok(Time(Duration::from_secs_f64(seconds)))
}

fn memory(text: &str) -> Result<Memory, String> {
    if text.trim() == AUTO {
        return Ok(Memory::Auto);
    }
    let wrong = || format!("expected \"auto\" or an amount such as \"500 MB\" or \"8 GB\", found \"{text}\"");
    let bytes = parse(text, &SIZES).filter(|bytes| *bytes >= 1e6).ok_or_else(wrong)?;
    Ok(Memory::Bytes(bytes as u64))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        time(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.0.as_secs_f64();
        let unit = TIMES[..3].iter().rev().find(|(_, size)| seconds >= *size && seconds % size == 0.0);
        let (unit, size) = unit.unwrap_or(&TIMES[0]);
        serializer.collect_str(&format_args!("{} {unit}", seconds / size))
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        memory(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Bytes(bytes) => serializer.collect_str(&format_args!("{} MB", *bytes as f64 / 1e6)),
        }
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9.]+ *(s|sec|m|min|h|hour|hours|d|days)$" })
    }
}

impl JsonSchema for Memory {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Memory".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^auto$|^[0-9.]+ *(MB|GB|TB|MiB|GiB|TiB)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_and_written() {
        for (text, seconds, written) in
            [("90 s", 90.0, "90 s"), ("5min", 300.0, "5 min"), (" 24 h ", 86_400.0, "24 h"), ("0.5 s", 0.5, "0.5 s")]
        {
            let parsed = time(text).unwrap();
            assert_eq!(parsed.0.as_secs_f64(), seconds, "{text}");
            assert_eq!(serde_json::to_value(parsed).unwrap(), written);
            assert_eq!(serde_json::from_value::<Time>(written.into()).unwrap(), parsed);
        }
        for wrong in ["", "5", "five min", "-5 s", "5 weeks", "999999 d", "1.2.3 s"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(memory("auto"), Ok(Memory::Auto));
        assert_eq!(memory("1.5 GB"), Ok(Memory::Bytes(1_500_000_000)));
        assert_eq!(serde_json::to_value(Memory::Bytes(1_500_000_000)).unwrap(), "1500 MB");
        for wrong in ["", "8", "8 G", "0 GB", "lots"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }
}
