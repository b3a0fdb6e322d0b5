//! The precision that an encoder computes in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an encoder keeps its feature maps and multiplies; parameters, batch-norm statistics, head, loss and optimizer are
/// 32-bit throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit numbers.
    #[default]
    F32,
    /// 32-bit numbers, of which the products of a CUDA device keep 10 bits behind the point; the same as `f32` on the
    /// CPU.
    Tf32,
    /// Feature maps, their gradients and the factors of products are bfloat16 (7 bits behind the point), sums of
    /// products 32-bit: half the memory, and faster where the machine multiplies bfloat16.
    Bf16,
}

impl Precision {
    /// As pipeline files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    /// Bytes of a number of a feature map.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::Tf32 => 4,
            Self::Bf16 => 2,
        }
    }
}
