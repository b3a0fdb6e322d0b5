//! Which test images were classified correctly, packed for `report.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether each image of the test set was classified correctly. Serialized as the number of images, a colon and one
/// hexadecimal digit per four images, the first image in the highest bit: `6:d8`.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Correctness(pub Vec<bool>);

impl Serialize for Correctness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |four: &[bool]| {
            let bits = four.iter().enumerate().map(|(at, &right)| u32::from(right) << (3 - at)).sum();
            char::from_digit(bits, 16).unwrap_or('0')
        };
        let digits: String = self.0.chunks(4).map(digit).collect();
        serializer.serialize_str(&format!("{}:{digits}", self.0.len()))
    }
}

impl<'de> Deserialize<'de> for Correctness {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unpacked(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("expected a number, a colon and hexadecimal digits"))
    }
}

fn unpacked(text: &str) -> Option<Vec<bool>> {
    let (images, digits) = text.split_once(':')?;
    let images: usize = images.parse().ok()?;
    if digits.len() != images.div_ceil(4) {
        return None;
    }
    let four = |digit: char| digit.to_digit(16).map(|bits| (0..4).map(move |at| bits & (8 >> at) != 0));
    let fours: Vec<_> = digits.chars().map(four).collect::<Option<_>>()?;
    Some(fours.into_iter().flatten().take(images).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_through_json_and_rejects_malformed_text() {
        for images in 0..9 {
            let some = Correctness((0..images).map(|image| image % 3 != 1).collect());
            let text = serde_json::to_string(&some).unwrap();
            assert_eq!(serde_json::from_str::<Correctness>(&text).unwrap(), some, "{text}");
        }
        let six = Correctness(vec![true, true, false, true, true, false]);
        assert_eq!(serde_json::to_string(&six).unwrap(), "\"6:d8\"");
        for damaged in ["", "6", "6:d", "6:d80", "6:x8", "a:d8", "99999999999999999999:0"] {
            assert!(unpacked(damaged).is_none(), "{damaged}");
        }
    }
}
