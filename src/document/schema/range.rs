//! Ranges of numbers: `minimum`, `maximum`, `exclusiveMinimum` and `exclusiveMaximum` of a schema, in words.

use serde_json::Value as Schema;
use std::fmt::Write;

/// The numbers that a schema admits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    least: Option<Bound>,
    most: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    number: f64,
    /// The bound itself is not in the range.
    is_open: bool,
}

impl Range {
    /// The range of a schema; of two bounds on one side the narrower one.
    pub(crate) fn of(schema: &Schema) -> Self {
        let number = |key: &str, is_open| Some(Bound { number: schema.get(key)?.as_f64()?, is_open });
        let narrower = |a: Option<Bound>, b: Option<Bound>, is_least: bool| match (a, b) {
            (Some(a), Some(b)) if is_least == (b.number >= a.number) => Some(b),
            (a, b) => a.or(b),
        };
        Self {
            least: narrower(number("minimum", false), number("exclusiveMinimum", true), true),
            most: narrower(number("maximum", false), number("exclusiveMaximum", true), false),
        }
    }

    /// Whether a finite number is in the range.
    pub(crate) fn contains(&self, number: f64) -> bool {
        let above = |bound: Bound| number > bound.number || (!bound.is_open && number == bound.number);
        let below = |bound: Bound| number < bound.number || (!bound.is_open && number == bound.number);
        self.least.is_none_or(above) && self.most.is_none_or(below)
    }

    /// Completes "must be ...": `above 0 and at most 1`; empty where there are no bounds.
    pub(crate) fn words(&self) -> String {
        let mut text = String::new();
        match (self.least, self.most) {
            (Some(Bound { number: least, is_open: false }), Some(Bound { number: most, is_open: false })) => {
                let _ = write!(text, "between {least} and {most}");
            }
            (least, most) => {
                if let Some(Bound { number, is_open }) = least {
                    let _ = write!(text, "{} {number}", if is_open { "above" } else { "at least" });
                }
                if let Some(Bound { number, is_open }) = most {
                    let and = if least.is_some() { " and " } else { "" };
                    let _ = write!(text, "{and}{} {number}", if is_open { "below" } else { "at most" });
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_hold_their_closed_ends_and_are_worded() {
        for (schema, words, inside, outside) in [
            (json!({ "minimum": 0, "maximum": 1 }), "between 0 and 1", [0.0, 1.0], [-1.0, 1.5]),
            (json!({ "minimum": 0, "exclusiveMinimum": 0 }), "above 0", [0.5, 9.0], [0.0, -1.0]),
            (json!({ "exclusiveMinimum": 0, "maximum": 1 }), "above 0 and at most 1", [0.1, 1.0], [0.0, 1.1]),
            (json!({ "minimum": 0, "exclusiveMaximum": 1 }), "at least 0 and below 1", [0.0, 0.9], [-0.1, 1.0]),
            (json!({ "minimum": 2 }), "at least 2", [2.0, 3.0], [1.0, 0.0]),
            (json!({ "maximum": 2 }), "at most 2", [2.0, -3.0], [2.1, 3.0]),
        ] {
            let range = Range::of(&schema);
            assert_eq!(range.words(), words);
            assert!(inside.iter().all(|number| range.contains(*number)), "{words}");
            assert!(!outside.iter().any(|number| range.contains(*number)), "{words}");
        }
        assert!(Range::of(&json!({})).words().is_empty());
    }
}
