//! The precision in which an encoder computes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The precision of an encoder's feature maps and matrix products; parameters, batch-norm statistics, head, loss and
/// optimizer are always 32-bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 32-bit floats, rounded to 10 mantissa bits in the matrix products of a CUDA device; the same as `f32` on the
    /// CPU.
    Tf32,
    /// bfloat16 (7 mantissa bits) feature maps, gradients of feature maps and operands of matrix products, accumulated
    /// in 32 bits: half the memory, and faster on hardware with bfloat16 arithmetic.
    Bf16,
}

impl Precision {
    /// Returns the name in pipeline files.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Returns the bytes per element of a feature map.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::Tf32 => 4,
            Self::Bf16 => 2,
        }
    }
}
