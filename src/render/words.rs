//! Formatting of numbers and names for readers.

use crate::base::human::{self, trimmed};
use crate::render::data::EvaluationKind;
use crate::render::groups::Group;

/// Placeholder for an unknown value.
pub(crate) const UNKNOWN: &str = "–";

/// Formats 0.528 as "52.8 %".
pub(crate) fn percent(fraction: f64) -> String {
    if fraction.is_finite() { human::percent(fraction) } else { UNKNOWN.into() }
}

/// Formats an interval of fractions as "46.6 – 58.9 %".
pub(crate) fn percent_range((low, high): (f64, f64)) -> String {
    if low.is_finite() && high.is_finite() {
        format!("{} – {}", human::percent(low).trim_end_matches(" %"), human::percent(high))
    } else {
        UNKNOWN.into()
    }
}

/// Formats a difference of fractions in percentage points: "+2.9", "−2.9", "0.0".
pub(crate) fn points(difference: f64) -> String {
    if !difference.is_finite() {
        return UNKNOWN.into();
    }
    match format!("{:.1}", 100.0 * difference.abs()) {
        size if size == "0.0" => size,
        size if difference < 0.0 => format!("\u{2212}{size}"),
        size => format!("+{size}"),
    }
}

/// Formats a number with a fixed number of decimals and a real minus sign: "0.52", "−0.10".
pub(crate) fn signed_decimals(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    match format!("{:.decimals$}", value.abs()) {
        size if value < 0.0 && size.chars().any(|c| ('1'..='9').contains(&c)) => format!("\u{2212}{size}"),
        size => size,
    }
}

/// Marks a name as code, between backticks; one inside the name becomes a letter that looks the same.
pub(crate) fn code(name: &str) -> String {
    format!("`{}`", name.replace('`', "\u{2cb}"))
}

/// Formats an interval of differences: "+1.2 to +4.6".
pub(crate) fn points_range((low, high): (f64, f64)) -> String {
    format!("{} to {}", points(low), points(high))
}

/// Formats a p-value: "p = .03", "p < .001".
pub(crate) fn p_value(p: f64) -> String {
    match p {
        _ if !p.is_finite() => format!("p {UNKNOWN}"),
        p if p < 0.001 => "p < .001".into(),
        p if p > 0.995 => "p = 1".into(),
        p if p < 0.01 || (p - 0.05).abs() < 0.005 => format!("p = {}", format!("{p:.3}").trim_start_matches('0')),
        p => format!("p = {}", format!("{p:.2}").trim_start_matches('0')),
    }
}

/// Joins the non-empty parts: "stage, variant".
pub(crate) fn join_nonempty(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

/// Joins items: "a", "a and b", "a, b and c".
pub(crate) fn join_and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Formats a fraction of the labels as "10 %", without trailing zeros.
pub(crate) fn label_fraction(fraction: f64) -> String {
    if !fraction.is_finite() {
        return UNKNOWN.into();
    }
    format!("{} %", trimmed(100.0 * fraction, 2))
}

/// Formats an amount of labels for a cell: "10 %", or "25 per class".
pub(crate) fn label_amount(fraction: f64, per_class: Option<usize>) -> String {
    per_class.map_or_else(|| label_fraction(fraction), |count| format!("{count} per class"))
}

/// Formats an amount of labels for a sentence: "10 % of the labels", or "25 labels per class".
pub(crate) fn of_the_labels(fraction: f64, per_class: Option<usize>) -> String {
    match per_class {
        Some(1) => "1 label per class".to_owned(),
        Some(count) => format!("{count} labels per class"),
        None => format!("{} of the labels", label_fraction(fraction)),
    }
}

/// Formats an amount of labels for a name: "10 % of labels", or "25 labels per class".
pub(crate) fn of_labels(fraction: f64, per_class: Option<usize>) -> String {
    of_the_labels(fraction, per_class).replace("of the labels", "of labels")
}

/// Formats a number of any magnitude with about four significant digits.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => UNKNOWN.into(),
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        size if size < 1.0 => trimmed(value, 4),
        size if size < 10.0 => trimmed(value, 3),
        size if size < 100.0 => trimmed(value, 2),
        _ => trimmed(value, 1),
    }
}

/// Formats an accuracy with its interval for a cell: "54.2 % (51.9 – 56.4)".
pub(crate) fn accuracy(group: &Group<'_>) -> String {
    let alone = accuracy_alone(group);
    if group.first().is_missing {
        return alone;
    }
    format!("{alone} ({})", percent_range(group.interval).trim_end_matches(" %"))
}

/// Formats an accuracy for a cell: "54.2 %".
pub(crate) fn accuracy_alone(group: &Group<'_>) -> String {
    if group.first().is_missing {
        return "missing".into();
    }
    let mark = if group.results.iter().any(|result| result.selected_on_test) { " †" } else { "" };
    percent(group.mean) + mark
}

/// Names the kind of an evaluation.
pub(crate) fn kind(kind: EvaluationKind) -> &'static str {
    match kind {
        EvaluationKind::LinearEval => "Linear evaluation",
        EvaluationKind::Knn => "kNN",
        EvaluationKind::Supervised => "Supervised",
    }
}

/// Names a data set; that of `[dataset]` has an empty name.
pub(crate) fn dataset(name: &str) -> &str {
    if name.is_empty() { "dataset" } else { name }
}

/// Returns the text, or a placeholder if it is empty.
pub(crate) fn or_unknown(text: &str) -> String {
    if text.is_empty() { UNKNOWN.into() } else { text.into() }
}

/// The properties that distinguish the groups of a table or plot; names consist of only those.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Naming {
    kind: bool,
    stage: bool,
    /// Whether there are several pretraining runs.
    pub(crate) from: bool,
    /// Whether there are several data sets evaluated on.
    pub(crate) dataset: bool,
    depth: bool,
    fraction: bool,
    /// Whether there are several variants.
    pub(crate) variant: bool,
}

impl Naming {
    /// Finds the properties that differ. The stage is named only where nothing else distinguishes two groups.
    pub(crate) fn of(groups: &[&Group<'_>]) -> Self {
        let several = |property: &dyn Fn(&Group<'_>) -> Option<String>| {
            let mut values = groups.iter().filter_map(|group| property(group));
            values.next().is_some_and(|first| values.any(|value| value != first))
        };
        let naming = Self {
            kind: several(&|group| Some(kind(group.first().kind).into())),
            stage: false,
            from: several(&|group| group.first().from.clone()),
            dataset: several(&|group| Some(group.first().dataset.clone())),
            depth: several(&|group| group.first().depth.map(|depth| depth.to_string())),
            fraction: several(&|group| Some(label_amount(group.first().fraction, group.first().labels_per_class))),
            variant: several(&|group| Some(group.variant.clone())),
        };
        let names: Vec<String> = groups.iter().map(|group| naming.name(group)).collect();
        let ambiguous = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
        Self { stage: ambiguous, ..naming }
    }

    /// Always names kind and depth.
    pub(crate) fn with_kind_and_depth(self) -> Self {
        Self { kind: true, depth: true, ..self }
    }

    /// Always names the variant.
    pub(crate) fn with_variant(self) -> Self {
        Self { variant: true, ..self }
    }

    /// Omits the depth for a plot whose axis shows it.
    pub(crate) fn without_depth(self) -> Self {
        Self { depth: false, ..self }
    }

    /// Omits the label fraction for a plot whose axis shows it.
    pub(crate) fn without_fraction(self) -> Self {
        Self { fraction: false, ..self }
    }

    /// Omits the variant for a plot whose axis shows it.
    pub(crate) fn without_variant(self) -> Self {
        Self { variant: false, ..self }
    }

    /// Returns the shortest name that distinguishes a group; its kind if nothing does.
    pub(crate) fn name(self, group: &Group<'_>) -> String {
        let differing = self.differing(group);
        if differing.is_empty() { kind(group.first().kind).to_owned() } else { differing }
    }

    /// Returns the properties that distinguish a group; empty if there are none.
    pub(crate) fn differing(self, group: &Group<'_>) -> String {
        let result = group.first();
        let depth = if result.depth_label.is_empty() { None } else { Some(result.depth_label.clone()) };
        let parts = [
            self.kind.then(|| kind(result.kind).to_owned()),
            result.from.clone().filter(|_| self.from),
            self.dataset.then(|| format!("on {}", dataset(&result.dataset))),
            depth.filter(|_| self.depth),
            self.fraction.then(|| of_labels(result.fraction, result.labels_per_class)),
            Some(group.variant.clone()).filter(|variant| self.variant && !variant.is_empty()),
            self.stage.then(|| result.stage.clone()),
        ];
        let named: Vec<String> = parts.into_iter().flatten().collect();
        named.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_for_readers() {
        assert_eq!(percent(0.528), "52.8 %");
        assert_eq!(percent(653.0 / 2000.0), "32.7 %");
        assert_eq!(percent(f64::NAN), UNKNOWN);
        assert_eq!(code("a`b"), "`a\u{2cb}b`");
        assert_eq!(label_fraction(0.1), "10 %");
        assert_eq!(label_fraction(0.0125), "1.25 %");
        assert_eq!(of_labels(0.1, None), "10 % of labels");
        assert_eq!(of_labels(0.1, Some(25)), "25 labels per class");
        assert_eq!(number(0.1), "0.1");
        assert_eq!(number(4.844_187), "4.844");
        assert_eq!(number(1e-6), "1.00e-6");
        assert_eq!(number(f64::INFINITY), UNKNOWN);
        assert_eq!([0.0291, -0.0291, 0.0004].map(points), ["+2.9", "\u{2212}2.9", "0.0"]);
        assert_eq!([0.9999, 0.034, 0.0012, 1e-9].map(p_value), ["p = 1", "p = .03", "p = .001", "p < .001"]);
        assert_eq!(join_and(&["a", "b", "c"].map(String::from)), "a, b and c");
    }
}
