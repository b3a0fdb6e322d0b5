//! Posterize: values keep only the upper bits of their bytes.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::Rng;
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Posterize (as torchvision's `RandomPosterize` on images of bytes).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Posterize {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Number of upper bits that each value keeps as a byte: 1 leaves two levels per channel, 8 leaves all 256.
    #[schemars(range(min = 1, max = 8))]
    pub bits: u8,
}

impl Operator for Posterize {
    fn summary() -> &'static str {
        "Keep only the upper bits of the values as bytes."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        posterize(&mut scratch.planes, self.bits);
    }
}

/// Factor of torchvision's `to_dtype(uint8, scale=True)`: the 256 bytes are equal parts of [0, 1].
const BYTES: f32 = 255.999;

/// Keeps the upper `bits` bits, from 1 to 8, of every value as a byte.
///
/// torchvision's `posterize` between `to_dtype(uint8, scale=True)` and `to_dtype(float32, scale=True)`, so that an image
/// becomes what its bytes become. On float images torchvision v2 computes `floor(value * 2^bits) / 2^bits` instead,
/// whose levels are those of the bytes divided by 256, not 255.
pub(crate) fn posterize(planes: &mut [f32], bits: u8) {
    mask(planes, u8::MAX << (8 - bits.clamp(1, 8)));
}

vectorized! {
    fn mask(planes: &mut [f32], mask: u8) {
        for value in planes {
            *value = f32::from((*value * BYTES) as u8 & mask) / 255.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte as a value between 0 and 1.
    fn bytes() -> Vec<f32> {
        (0..=255_u8).map(|byte| f32::from(byte) / 255.0).collect()
    }

    /// torchvision's `image & (((1 << bits) - 1) << (8 - bits))`.
    #[test]
    fn bytes_keep_their_upper_bits() {
        for bits in 1..=8 {
            let mut values = bytes();
            posterize(&mut values, bits);
            for (byte, value) in (0..=255_u16).zip(values) {
                let expected = byte & (((1 << bits) - 1) << (8 - bits));
                assert_eq!(value, f32::from(expected) / 255.0, "{bits} bits of {byte}");
            }
        }
    }

    /// `(torch.tensor(values) * 255.999).to(torch.uint8) & 0b1110_0000`, divided by 255.
    #[test]
    fn values_between_bytes_are_rounded_down_and_others_clipped() {
        let mut values = [-1e-5, 0.12, 0.126, 0.499, 0.501, 0.9999, 1.0, 1.00001];
        posterize(&mut values, 3);
        assert_eq!(values.map(|value| (value * 255.0).round()), [0.0, 0.0, 32.0, 96.0, 128.0, 224.0, 224.0, 224.0]);
    }

    #[test]
    fn it_is_read_with_its_bits() {
        let read = |toml: &str| toml::from_str::<Posterize>(toml);
        assert_eq!(read("bits = 4").unwrap(), Posterize { p: 0.5, bits: 4 });
        assert!(read("").is_err());
    }
}
