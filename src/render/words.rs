//! How numbers and kinds are written for people.

use crate::base::human;
use crate::render::data::EvaluationKind;
use crate::render::groups::Group;

/// What cannot be told.
pub(crate) const UNKNOWN: &str = "–";

/// 0.528 as "52.8 %".
pub(crate) fn percent(fraction: f64) -> String {
    if fraction.is_finite() { human::percent(fraction) } else { UNKNOWN.into() }
}

/// An interval of fractions as "46.6 – 58.9 %".
pub(crate) fn percent_range((low, high): (f64, f64)) -> String {
    if low.is_finite() && high.is_finite() {
        format!("{} – {}", human::percent(low).trim_end_matches(" %"), human::percent(high))
    } else {
        UNKNOWN.into()
    }
}

/// A difference of fractions in points: "+2.9", "−2.9", "0.0".
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

/// A difference at a tick of an axis: "+5", "−2.5", "0".
pub(crate) fn points_tick(difference: f64) -> String {
    match trimmed(100.0 * difference.abs(), 2) {
        size if size == "0" => size,
        size if difference < 0.0 => format!("\u{2212}{size}"),
        size => format!("+{size}"),
    }
}

/// An interval of differences: "+1.2 to +4.6".
pub(crate) fn points_range((low, high): (f64, f64)) -> String {
    format!("{} to {}", points(low), points(high))
}

/// A p-value: "p = .03", "p < .001".
pub(crate) fn p_value(p: f64) -> String {
    match p {
        _ if !p.is_finite() => format!("p {UNKNOWN}"),
        p if p < 0.001 => "p < .001".into(),
        p if p > 0.995 => "p = 1".into(),
        p if p < 0.01 || (p - 0.05).abs() < 0.005 => format!("p = {}", format!("{p:.3}").trim_start_matches('0')),
        p => format!("p = {}", format!("{p:.2}").trim_start_matches('0')),
    }
}

/// "a", "a and b", "a, b and c".
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A fraction of the labels as "10 %", without needless digits.
pub(crate) fn share(fraction: f64) -> String {
    if !fraction.is_finite() {
        return UNKNOWN.into();
    }
    format!("{} %", trimmed(100.0 * fraction, 2))
}

/// At most so many decimals, no trailing zeros.
pub(crate) fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number of any size, to about four digits.
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

/// The kind of an evaluation.
pub(crate) fn kind(kind: EvaluationKind) -> &'static str {
    match kind {
        EvaluationKind::LinearEval => "Linear evaluation",
        EvaluationKind::Knn => "kNN",
        EvaluationKind::Supervised => "Supervised",
    }
}

/// Which properties tell the groups of a table or a plot apart; only those are named.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Naming {
    kind: bool,
    stage: bool,
    /// Are there several pretrainings?
    pub(crate) from: bool,
    depth: bool,
    fraction: bool,
    /// Are there several variants?
    pub(crate) variant: bool,
}

impl Naming {
    /// Looks at what differs. The stage is named only where nothing else tells two groups apart.
    pub(crate) fn of(groups: &[&Group<'_>]) -> Self {
        let several = |property: &dyn Fn(&Group<'_>) -> Option<String>| {
            let mut values = groups.iter().filter_map(|group| property(group));
            values.next().is_some_and(|first| values.any(|value| value != first))
        };
        let naming = Self {
            kind: several(&|group| Some(kind(group.first().kind).into())),
            stage: false,
            from: several(&|group| group.first().from.clone()),
            depth: several(&|group| group.first().depth.map(|depth| depth.to_string())),
            fraction: several(&|group| Some(share(group.first().fraction))),
            variant: several(&|group| Some(group.variant.clone())),
        };
        let names: Vec<String> = groups.iter().map(|group| naming.name(group)).collect();
        let ambiguous = names.iter().enumerate().any(|(at, name)| names[..at].contains(name));
        Self { stage: ambiguous, ..naming }
    }

    /// Names kind and depth in any case.
    pub(crate) fn with_kind_and_depth(self) -> Self {
        Self { kind: true, depth: true, ..self }
    }

    /// Names the variant in any case.
    pub(crate) fn with_variant(self) -> Self {
        Self { variant: true, ..self }
    }

    /// Leaves the depth out, for a plot whose axis shows it.
    pub(crate) fn without_depth(self) -> Self {
        Self { depth: false, ..self }
    }

    /// Leaves the label fraction out, for a plot whose axis shows it.
    pub(crate) fn without_fraction(self) -> Self {
        Self { fraction: false, ..self }
    }

    /// Leaves the variant out, for a plot whose axis shows it.
    pub(crate) fn without_variant(self) -> Self {
        Self { variant: false, ..self }
    }

    /// The shortest name that tells a group apart; its kind if nothing does.
    pub(crate) fn name(self, group: &Group<'_>) -> String {
        let differing = self.differing(group);
        if differing.is_empty() { kind(group.first().kind).to_owned() } else { differing }
    }

    /// What tells a group apart; empty if nothing does.
    pub(crate) fn differing(self, group: &Group<'_>) -> String {
        let result = group.first();
        let depth = if result.depth_label.is_empty() { None } else { Some(result.depth_label.clone()) };
        let parts = [
            self.kind.then(|| kind(result.kind).to_owned()),
            result.from.clone().filter(|_| self.from),
            depth.filter(|_| self.depth),
            self.fraction.then(|| format!("{} of labels", share(result.fraction))),
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
    fn numbers_read_well() {
        assert_eq!(percent(0.528), "52.8 %");
        assert_eq!(percent(653.0 / 2000.0), "32.7 %");
        assert_eq!(percent(f64::NAN), UNKNOWN);
        assert_eq!(share(0.1), "10 %");
        assert_eq!(share(0.0125), "1.25 %");
        assert_eq!(number(0.1), "0.1");
        assert_eq!(number(4.844_187), "4.844");
        assert_eq!(number(1e-6), "1.00e-6");
        assert_eq!(number(f64::INFINITY), UNKNOWN);
        assert_eq!([0.0291, -0.0291, 0.0004].map(points), ["+2.9", "\u{2212}2.9", "0.0"]);
        assert_eq!([0.9999, 0.034, 0.0012, 1e-9].map(p_value), ["p = 1", "p = .03", "p = .001", "p < .001"]);
        assert_eq!(listed(&["a", "b", "c"].map(String::from)), "a, b and c");
    }
}
