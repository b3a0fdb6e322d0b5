//! The outcome in plain sentences. A difference counts only where the intervals do not overlap.

use crate::base::human::count;
use crate::render::data::{EvaluationKind, Report};
use crate::render::groups::{self, Group};
use crate::render::words;

/// Sentences for more label fractions than this are a table in prose.
const FRACTIONS_AT_MOST: usize = 3;

/// What came out, most important first; never empty.
pub(crate) fn sentences(report: &Report) -> Vec<String> {
    let groups = groups::by_seed(&report.results);
    let measured: Vec<&Group<'_>> = groups.iter().filter(|group| group.mean.is_finite()).collect();
    if measured.is_empty() {
        return vec!["No evaluation has finished, so there is no result yet.".into()];
    }
    let mut sentences: Vec<String> =
        compared_fractions(&measured).into_iter().filter_map(|fraction| at_fraction(&measured, fraction)).collect();
    if sentences.is_empty() {
        sentences.extend(best(&measured).map(without_linear_evaluation));
    }
    sentences.extend(between_depths(&measured));
    sentences.extend(against_all_labels(&measured));
    sentences.extend(guessing(&measured));
    sentences.extend(flattered(&measured));
    if !report.failures.is_empty() {
        sentences.push(format!("{} failed, so this report is not complete.", count(report.failures.len(), "stage")));
    }
    sentences
}

/// Label fractions of linear evaluation, first those that a supervised baseline has too, then the smaller ones.
fn compared_fractions(groups: &[&Group<'_>]) -> Vec<f64> {
    let mut fractions = self::fractions(groups, EvaluationKind::LinearEval);
    let supervised = self::fractions(groups, EvaluationKind::Supervised);
    fractions.sort_by_key(|fraction| !supervised.contains(fraction));
    fractions.truncate(FRACTIONS_AT_MOST);
    fractions
}

/// Label fractions of a kind, ascending.
fn fractions(groups: &[&Group<'_>], kind: EvaluationKind) -> Vec<f64> {
    let groups = groups.iter().filter(|group| group.first().kind == kind);
    let mut fractions: Vec<f64> = groups.map(|group| group.first().fraction).collect();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    fractions
}

/// Linear evaluation against supervised training with the same labels.
fn at_fraction(groups: &[&Group<'_>], fraction: f64) -> Option<String> {
    let linear = of(groups, EvaluationKind::LinearEval, fraction);
    let winner = best(&linear)?;
    let baseline = best(&of(groups, EvaluationKind::Supervised, fraction));
    let against = baseline.map(|baseline| format!(" {}", against_supervised(winner, baseline))).unwrap_or_default();
    Some(format!("{}.{against}", reached(winner, &linear)))
}

fn of<'a, 'b>(groups: &[&'b Group<'a>], kind: EvaluationKind, fraction: f64) -> Vec<&'b Group<'a>> {
    let wanted = |group: &&&Group<'_>| group.first().kind == kind && group.first().fraction == fraction;
    groups.iter().filter(wanted).copied().collect()
}

fn best<'a, 'b>(groups: &[&'b Group<'a>]) -> Option<&'b Group<'a>> {
    groups.iter().copied().reduce(|best, group| if group.mean > best.mean { group } else { best })
}

/// "With 10 % of the labels, linear evaluation reaches 59.2 % (95 %: 53.0 – 65.1 %), on h (512-d)"
fn reached(winner: &Group<'_>, among: &[&Group<'_>]) -> String {
    let result = winner.first();
    let several = |differ: &dyn Fn(&Group<'_>) -> bool| among.iter().any(|group| differ(group));
    let mut place = Vec::new();
    if several(&|group| group.first().depth != result.depth) && !result.depth_label.is_empty() {
        place.push(format!("on {}", result.depth_label));
    }
    if let (true, Some(from)) = (several(&|group| group.first().from != result.from), &result.from) {
        place.push(format!("from {from}"));
    }
    if several(&|group| group.variant != winner.variant) && !winner.variant.is_empty() {
        place.push(format!("with {}", winner.variant));
    }
    let at_best = if among.len() > 1 { " at best" } else { "" };
    let place = if place.is_empty() { String::new() } else { format!(", {}", place.join(" ")) };
    let share = words::share(result.fraction);
    format!("With {share} of the labels, linear evaluation reaches {}{at_best}{place}", accuracy(winner))
}

fn accuracy(group: &Group<'_>) -> String {
    let seeds =
        if group.results.len() > 1 { format!(", {}", count(group.results.len(), "seed")) } else { String::new() };
    format!("{} (95 %: {}{seeds})", words::percent(group.mean), words::percent_range(group.interval()))
}

fn against_supervised(linear: &Group<'_>, supervised: &Group<'_>) -> String {
    let reached = format!("A supervised network with the same labels reaches {}", accuracy(supervised));
    let points = points(linear.mean - supervised.mean);
    let side = if linear.mean >= supervised.mean { "above" } else { "below" };
    match (apart(linear, supervised), points.as_str()) {
        (_, "0.0") => format!("{reached}: no difference."),
        (true, _) => {
            format!("{reached}: linear evaluation is {points} points {side} it, and the intervals do not overlap.")
        }
        (false, _) => format!(
            "{reached}: linear evaluation is {points} points {side} it, but the intervals overlap, so {} do not settle \
             which is better.",
            pictures(linear)
        ),
    }
}

/// Compares the best depth of the first fraction with the worst of the same pretraining.
fn between_depths(groups: &[&Group<'_>]) -> Option<String> {
    let fraction = *compared_fractions(groups).first()?;
    let linear = of(groups, EvaluationKind::LinearEval, fraction);
    let winner = best(&linear)?;
    let like = |group: &&&Group<'_>| {
        let (a, b) = (group.first(), winner.first());
        a.from == b.from && a.stage == b.stage && group.variant == winner.variant && a.depth != b.depth
    };
    let others = linear.iter().filter(like).copied();
    let worst = others.reduce(|worst, group| if group.mean < worst.mean { group } else { worst })?;
    let verdict = if apart(winner, worst) { "the intervals do not overlap" } else { "the intervals overlap" };
    Some(format!(
        "Of the depths, with {} of the labels, {} is best and {} worst ({}), {} points apart; {verdict}.",
        words::share(fraction),
        winner.first().depth_label,
        worst.first().depth_label,
        words::percent(worst.mean),
        points(winner.mean - worst.mean),
    ))
}

/// Supervised training with more labels than linear evaluation had.
fn against_all_labels(groups: &[&Group<'_>]) -> Option<String> {
    let linear = fractions(groups, EvaluationKind::LinearEval);
    let most = linear.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let more = |group: &&&Group<'_>| group.first().kind == EvaluationKind::Supervised && group.first().fraction > most;
    let more: Vec<&Group<'_>> = groups.iter().filter(more).copied().collect();
    let baseline = best(&more).filter(|_| !linear.is_empty())?;
    let share = words::share(baseline.first().fraction);
    Some(format!("With {share} of the labels, supervised training reaches {}.", accuracy(baseline)))
}

fn without_linear_evaluation(group: &Group<'_>) -> String {
    let what = match group.first().kind {
        EvaluationKind::Supervised => "supervised training",
        EvaluationKind::Knn => "nearest neighbours",
        EvaluationKind::LinearEval => "linear evaluation",
    };
    format!("With {} of the labels, {what} reaches {}.", words::share(group.first().fraction), accuracy(group))
}

/// Is even the best no better than guessing?
fn guessing(groups: &[&Group<'_>]) -> Option<String> {
    let winner = best(groups)?;
    let classes = winner.first().classes.len();
    let chance = 1.0 / classes as f64;
    let guesses = classes > 1 && winner.interval().0 <= chance;
    guesses.then(|| {
        format!("This is not told apart from guessing, which reaches {} on {classes} classes.", words::percent(chance))
    })
}

fn flattered(groups: &[&Group<'_>]) -> Option<String> {
    let flattered = groups.iter().any(|group| group.results.iter().any(|result| result.selected_on_test));
    flattered.then(|| "The test set chose the epochs of the results marked †, so those accuracies flatter.".into())
}

/// Do the intervals leave a gap?
fn apart(a: &Group<'_>, b: &Group<'_>) -> bool {
    let ((low_a, high_a), (low_b, high_b)) = (a.interval(), b.interval());
    low_a > high_b || low_b > high_a
}

fn points(difference: f64) -> String {
    format!("{:.1}", 100.0 * difference.abs())
}

fn pictures(group: &Group<'_>) -> String {
    count(group.first().total, "test picture")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::wilson_interval;
    use crate::render::data::EvaluationResult;

    fn result(kind: EvaluationKind, depth: Option<usize>, correct: usize, total: usize) -> EvaluationResult {
        EvaluationResult {
            kind,
            depth,
            depth_label: depth.map(|depth| format!("depth {depth}")).unwrap_or_default(),
            fraction: 0.1,
            correct,
            total,
            accuracy: correct as f64 / total as f64,
            interval: wilson_interval(correct, total),
            classes: ["a", "b", "c", "d", "e"].map(String::from).to_vec(),
            ..Default::default()
        }
    }

    fn verdict(results: Vec<EvaluationResult>) -> String {
        sentences(&Report { results, ..Report::default() }).join(" ")
    }

    #[test]
    fn overlapping_intervals_settle_nothing() {
        let results = vec![
            result(EvaluationKind::LinearEval, Some(0), 132, 250),
            result(EvaluationKind::Supervised, None, 120, 250),
        ];
        let text = verdict(results);
        assert!(
            text.contains("4.8 points above it, but the intervals overlap, so 250 test pictures do not settle"),
            "{text}"
        );
    }

    #[test]
    fn a_clear_difference_is_called_one() {
        let results = vec![
            result(EvaluationKind::LinearEval, Some(0), 1500, 2500),
            result(EvaluationKind::LinearEval, Some(2), 1000, 2500),
            result(EvaluationKind::Supervised, None, 1000, 2500),
        ];
        let text = verdict(results);
        assert!(text.contains("20.0 points above it, and the intervals do not overlap."), "{text}");
        assert!(
            text.contains("depth 0 is best and depth 2 worst (40.0 %), 20.0 points apart; the intervals do not"),
            "{text}"
        );
    }

    #[test]
    fn guessing_and_nothing_are_named() {
        let text = verdict(vec![result(EvaluationKind::Knn, Some(0), 55, 250)]);
        assert!(
            text.contains("nearest neighbours reaches 22.0 %") && text.contains("guessing, which reaches 20.0 %"),
            "{text}"
        );
        assert!(verdict(vec![]).contains("no result yet"));
    }
}
