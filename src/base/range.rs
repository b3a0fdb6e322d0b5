//! Range-checked numbers, as `#[serde(deserialize_with = "...")]` functions, so that the error for a value out of range
//! points at that value in the file.

use crate::base::human;
use serde::de::{Deserialize, Deserializer, Error};

/// Deserializes a finite number above 0.
///
/// # Errors
/// The value is not a number in the range.
pub(crate) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked(deserializer, "above 0", |x| x > 0.0)
}

/// Deserializes an integer of at least 1.
///
/// # Errors
/// The value is not an integer in the range.
pub(crate) fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("must be at least 1, got 0")),
        number => Ok(number),
    }
}

/// Deserializes a finite number and checks a condition; `range` completes "must be ..." in the error.
///
/// # Errors
/// The value is not a finite number, or `holds` is false for it.
pub(crate) fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
    range: &str,
    holds: impl Fn(f64) -> bool,
) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.is_finite() && holds(number) {
        Ok(number)
    } else {
        Err(D::Error::custom(format!("must be {range}, got {}", human::number(number))))
    }
}
