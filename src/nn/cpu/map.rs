//! Feature maps in host memory.

use super::element::Element;
use crate::nn::Precision;
use half::bf16;

/// A feature map, or its gradient, in host memory.
#[derive(Clone, Debug, PartialEq)]
pub enum Map {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// bfloat16.
    Bf16(Vec<bf16>),
}

impl Map {
    /// Returns a map of the given precision, rounded to nearest, ties to even.
    pub(super) fn new(values: Vec<f32>, precision: Precision) -> Self {
        match precision {
            Precision::F32 | Precision::Tf32 => Self::F32(values),
            Precision::Bf16 => Self::Bf16(values.into_iter().map(bf16::narrow).collect()),
        }
    }

    /// Returns the values in 32 bits.
    pub(super) fn values(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::Bf16(values) => values.iter().map(|value| value.widen()).collect(),
        }
    }

    /// Returns the number of elements.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }
}

/// Calls `function::<E>(arguments)` for the element type `E` of a map.
macro_rules! dispatch {
    ($map:expr, $function:path, $($argument:expr),* $(,)?) => {{
        use $function as function;
        match $map {
            $crate::nn::cpu::map::Map::F32(_) => function::<f32>($($argument),*),
            $crate::nn::cpu::map::Map::Bf16(_) => function::<half::bf16>($($argument),*),
        }
    }};
}
pub(super) use dispatch;
