//! Intervals of a pipeline file.

use crate::base::human;
use serde::de::{Deserialize, Deserializer, Error};

/// Deserializes an interval `[low, high]` with `low <= high`, as `#[serde(deserialize_with = "...")]`. The range of the
/// two numbers is that of the schema.
///
/// # Errors
/// The value is not such an interval.
pub(super) fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    let [low, high] = <[f64; 2]>::deserialize(deserializer)?;
    if low <= high {
        return Ok([low, high]);
    }
    let (low, high) = (human::number(low), human::number(high));
    Err(D::Error::custom(format!("expected [low, high] with low <= high, found [{low}, {high}]")))
}
