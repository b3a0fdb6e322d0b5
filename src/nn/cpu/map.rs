//! Feature maps on the host.

use super::element::Element;
use crate::nn::Precision;
use half::bf16;

/// The numbers of feature maps.
#[derive(Clone, Debug, PartialEq)]
pub enum Map {
    /// 32-bit.
    Single(Vec<f32>),
    /// bfloat16.
    Half(Vec<bf16>),
}

impl Map {
    /// Numbers in the given precision, rounded to the nearest, ties to even.
    pub(super) fn new(values: Vec<f32>, precision: Precision) -> Self {
        match precision {
            Precision::F32 | Precision::Tf32 => Self::Single(values),
            Precision::Bf16 => Self::Half(values.into_iter().map(bf16::narrow).collect()),
        }
    }

    /// The same numbers in 32 bits.
    pub(super) fn values(&self) -> Vec<f32> {
        match self {
            Self::Single(values) => values.clone(),
            Self::Half(values) => values.iter().map(|value| value.wide()).collect(),
        }
    }

    /// How many numbers.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Half(values) => values.len(),
        }
    }
}

/// Calls a function that is generic over the numbers of a map, `f(arguments)`, for those of this one.
macro_rules! for_numbers_of {
    ($map:expr, $function:path, $($argument:expr),* $(,)?) => {{
        use $function as function;
        match $map {
            $crate::nn::cpu::map::Map::Single(_) => function::<f32>($($argument),*),
            $crate::nn::cpu::map::Map::Half(_) => function::<half::bf16>($($argument),*),
        }
    }};
}
pub(super) use for_numbers_of;
