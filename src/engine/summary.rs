//! Result of a stage in a few figures.

use serde::{Deserialize, Serialize};

/// Result of a stage, in the order in which it is shown; may be empty. A summary of earlier versions, a text, is read as
/// one [`Figure::Text`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct StageSummary(pub Vec<Figure>);

/// Figure of a summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// A number of things: `600 images`.
    Count {
        /// What is counted, in the plural.
        name: String,
        /// How many.
        value: u64,
    },
    /// A number without a unit: `loss 2.310`.
    Number {
        /// What it is.
        name: String,
        /// The number.
        value: f64,
    },
    /// A fraction, shown as a percentage: `accuracy 59.2 % [53.0 %, 65.1 %]`.
    Fraction {
        /// What it is.
        name: String,
        /// The fraction.
        value: f64,
        /// Its 95 % interval.
        interval: (f64, f64),
    },
    /// What is not a number.
    Text(String),
}

impl StageSummary {
    /// Appends a number of things.
    #[must_use]
    pub fn count(self, name: &str, value: usize) -> Self {
        self.with(Figure::Count { name: name.to_owned(), value: value as u64 })
    }

    /// Appends a number without a unit.
    #[must_use]
    pub fn number(self, name: &str, value: f64) -> Self {
        self.with(Figure::Number { name: name.to_owned(), value })
    }

    /// Appends a fraction with its 95 % interval.
    #[must_use]
    pub fn fraction(self, name: &str, value: f64, interval: (f64, f64)) -> Self {
        self.with(Figure::Fraction { name: name.to_owned(), value, interval })
    }

    /// Appends a text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Figure::Text(text.into()))
    }

    fn with(mut self, figure: Figure) -> Self {
        self.0.push(figure);
        self
    }
}

/// A summary in a record of this version or an earlier one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Figures(Vec<Figure>),
}

impl From<Stored> for StageSummary {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) if text.is_empty() => Self::default(),
            Stored::Text(text) => Self::default().text(text),
            Stored::Figures(figures) => Self(figures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_an_earlier_version_is_read() {
        let read = |json: &str| serde_json::from_str::<StageSummary>(json).unwrap();
        assert_eq!(read(r#""""#), StageSummary::default());
        assert_eq!(read(r#""accuracy 0.5""#), StageSummary::default().text("accuracy 0.5"));
        let summary =
            StageSummary::default().count("images", 3).fraction("accuracy", 0.5, (0.25, 0.75)).text("initial weights");
        assert_eq!(read(&serde_json::to_string(&summary).unwrap()), summary);
    }
}
