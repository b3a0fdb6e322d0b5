//! Keys of the L-BFGS solver in a pipeline file.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Full-batch L-BFGS to convergence (a gradient norm of 1e-7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LbfgsConfig {
    /// Inverse strength of the L2 penalty of the weights, as in scikit-learn (the loss is `c` times the sum of the
    /// cross-entropies plus half the squared norm of the weights): a number, or a list from which the best validation
    /// accuracy selects. Default: 17 values, 1e-6, 3e-6, 1e-5, ... 100.
    #[serde(default)]
    pub c: CGrid,
}

/// Inverse strengths of regularization, at least one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct CGrid(pub Vec<f64>);

impl Default for CGrid {
    /// Returns 17 values. Chen et al. 2020 (appendix B.8) search 45 from 1e-6 to 1e5. Solutions hardly differ above
    /// 100, and half powers of ten are enough: between two of them accuracy changes by less than its noise.
    fn default() -> Self {
        let values =
            [1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0];
        Self(values.to_vec())
    }
}

impl<'de> Deserialize<'de> for CGrid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CGridVisitor)
    }
}

struct CGridVisitor;

impl<'de> Visitor<'de> for CGridVisitor {
    type Value = CGrid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<CGrid, E> {
        Ok(CGrid(vec![number]))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<CGrid, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<CGrid, E> {
        self.visit_f64(number as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CGrid, A::Error> {
        let mut values = Vec::new();
        while let Some(number) = list.next_element()? {
            values.push(number);
        }
        Ok(CGrid(values))
    }
}

impl JsonSchema for CGrid {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CGrid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0 },
                { "type": "array", "minItems": 1, "items": { "type": "number", "exclusiveMinimum": 0 } },
            ]
        })
    }
}
