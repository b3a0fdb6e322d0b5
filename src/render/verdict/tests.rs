use super::*;
use crate::analysis::wilson_interval;
use crate::dataset::ClassCount;
use crate::render::correctness::Correctness;
use crate::render::data::{EvaluationKind, EvaluationResult, HealthRow, TestSet};

const IMAGES: usize = 1000;

/// A result with `right` of 1,000 images correct. A result with more correct images has all those of one with fewer.
fn result(kind: EvaluationKind, stage: &str, depth: Option<usize>, right: usize) -> EvaluationResult {
    let right = Correctness((0..IMAGES).map(|image| (image * 7) % IMAGES < right).collect());
    let correct = right.0.iter().filter(|&&right| right).count();
    let depth_label = match depth {
        Some(0) => "h (64-d)".to_owned(),
        Some(layer) => format!("projection layer {layer} (64-d)"),
        None => String::new(),
    };
    EvaluationResult {
        kind,
        stage: stage.into(),
        depth,
        depth_label,
        fraction: 0.1,
        labeled: 100,
        from: depth.map(|_| "main".to_owned()),
        seed: 1,
        correct,
        total: IMAGES,
        accuracy: correct as f64 / IMAGES as f64,
        interval: wilson_interval(correct, IMAGES),
        validation_accuracy: Some(correct as f64 / IMAGES as f64),
        right,
        confusion: vec![vec![1; 5]; 5],
        classes: ["a", "b", "c", "d", "e"].map(String::from).to_vec(),
        ..EvaluationResult::default()
    }
}

fn linear(depth: usize, right: usize) -> EvaluationResult {
    result(EvaluationKind::LinearEval, "linear_eval.main", Some(depth), right)
}

fn untrained(right: usize) -> EvaluationResult {
    let from = Some("untrained".to_owned());
    let stage = "linear_eval.untrained";
    EvaluationResult { from, is_untrained: true, ..result(EvaluationKind::LinearEval, stage, Some(0), right) }
}

fn supervised(right: usize) -> EvaluationResult {
    result(EvaluationKind::Supervised, "supervised.scratch", None, right)
}

/// A report whose majority-class baseline reaches 20 %.
fn report(results: Vec<EvaluationResult>) -> Report {
    let guessed = Correctness((0..IMAGES).map(|image| image % 5 == 3).collect());
    let set = TestSet { most_frequent: "d".into(), guessed };
    Report { results, test_sets: [(String::new(), set)].into(), ..Report::default() }
}

fn verdict(results: Vec<EvaluationResult>) -> String {
    text(&report(results))
}

fn text(report: &Report) -> String {
    let texts = statements(report).into_iter().map(|statement| format!("{}: {}", statement.topic, statement.text));
    texts.collect::<Vec<_>>().join("\n")
}

fn contains(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "missing: {wanted}\n{text}");
    }
}

#[test]
fn an_untrained_encoder_is_a_baseline_and_never_a_success() {
    let text = verdict(vec![linear(0, 400), untrained(450)]);
    contains(
        &text,
        &[
            "Linear evaluation of h from `main` reaches a test accuracy of 40.0 %",
            "The pretrained encoder is significantly worse",
        ],
    );
    contains(&text, &["\u{2212}5.0 points with 10 % of the labels (40.0 % vs. 45.0 %"]);
    let text = verdict(vec![linear(0, 460), untrained(450)]);
    contains(&text, &["Compared with the same untrained encoder, pretraining gains +1.0 points"]);
    let text = verdict(vec![linear(0, 451), untrained(450)]);
    contains(&text, &["does not differ significantly from the same untrained encoder", "+0.1 points", "p = 1"]);
    assert!(verdict(vec![linear(0, 400)]).contains("add a pretraining run with `epochs = 0`"));
    let all = |result: EvaluationResult| EvaluationResult { fraction: 1.0, ..result };
    let text = verdict(vec![linear(0, 451), untrained(450), all(linear(0, 600)), all(untrained(450))]);
    contains(
        &text,
        &[
            "the accuracy of the pretrained encoder is not significantly different on 1000 test images: +0.1 points \
             with 10 % of the labels",
            "and higher by 15.0 points with 100 % of the labels",
        ],
    );
}

#[test]
fn paired_tests_find_differences_between_overlapping_intervals() {
    // 28 images differ, all in one direction: the intervals overlap, but McNemar's test is significant.
    let results = vec![linear(0, 528), untrained(200), supervised(500)];
    let (a, b) = (&results[0].interval, &results[2].interval);
    assert!(a.0 < b.1, "the intervals overlap");
    let text = verdict(results);
    contains(&text, &["linear evaluation of h is higher by 2.8 points with 10 % of the labels (52.8 % vs. 50.0 %"]);
    let text = verdict(vec![linear(0, 502), untrained(200), supervised(500)]);
    contains(&text, &["not significantly different on 1000 test images: +0.2 points"]);
}

#[test]
fn depths_are_compared_with_h_and_selected_by_validation() {
    let better_on_test = EvaluationResult { validation_accuracy: Some(0.3), ..linear(1, 560) };
    let text = verdict(vec![linear(0, 500), better_on_test, linear(2, 440), untrained(200)]);
    contains(
        &text,
        &[
            "relative to h (50.0 %): projection layer 1 +6.0 points",
            "projection layer 2 \u{2212}6.0 points",
            "h is significantly better than projection layer 2 and worse than projection layer 1",
            "Validation accuracy selects h from 3 depths (50.0 % on the test images)",
            "Holm-adjusted for 2 comparisons",
            "Linear evaluation of h from `main` reaches a test accuracy of 50.0 %",
        ],
    );
    let tied = verdict(vec![linear(0, 500), linear(1, 500), untrained(200)]);
    contains(&tied, &["projection layer 1 0.0 points", "no projection layer differs significantly from h"]);
}

#[test]
fn sections_with_the_same_fraction_of_labels_are_named() {
    let of = |stage: &str, depth, right| EvaluationResult { stage: stage.into(), ..linear(depth, right) };
    let text = verdict(vec![of("linear_eval.a", 0, 500), of("linear_eval.a", 1, 420), of("linear_eval.b", 0, 510)]);
    contains(&text, &["with 10 % of the labels in `linear_eval.a` (100 images) and 51.0 %"]);
    let text = verdict(vec![
        of("linear_eval.a", 0, 500),
        of("linear_eval.a", 1, 420),
        of("linear_eval.b", 0, 510),
        of("linear_eval.b", 1, 511),
    ]);
    contains(
        &text,
        &["With 10 % of the labels in `linear_eval.b`, relative to h (51.0 %): projection layer 1 +0.1 points"],
    );
}

#[test]
fn nothing_is_selected_without_validation_images() {
    let of =
        |from: &str, right| EvaluationResult { from: Some(from.into()), validation_accuracy: None, ..linear(0, right) };
    let text = verdict(vec![of("a", 500), of("b", 600)]);
    contains(&text, &["There are 2 pretraining runs or settings but no validation images to select one"]);
    assert!(!text.contains("60.0 %"), "{text}");
}

#[test]
fn a_sweep_reports_the_effect_of_its_setting() {
    let of = |temperature: &str, seed: u64, right| {
        let values = vec![("temperature".to_owned(), temperature.to_owned()), ("seed".to_owned(), seed.to_string())];
        let variant = format!("temperature {temperature}, seed {seed}");
        EvaluationResult { values, variant, seed, ..linear(0, right) }
    };
    let base = |seed: u64| EvaluationResult {
        seed,
        variant: format!("seed {seed}"),
        values: vec![("seed".into(), seed.to_string())],
        ..untrained(200)
    };
    let seeds = [1, 2, 3];
    let results = seeds.iter().flat_map(|&seed| {
        let luck = seed as usize;
        [of("0.1", seed, 550 + luck), of("0.5", seed, 480 + 2 * luck), of("1.0", seed, 552 - luck), base(seed)]
    });
    let text = verdict(results.collect());
    contains(
        &text,
        &[
            "from `main` with temperature 0.1, selected from 3 runs by validation accuracy, reaches a test accuracy of \
             55.2 %",
            "Temperature: Validation accuracy selects temperature 0.1 from 3 values",
            "\u{2212}6.8 points with 0.5 (95 % CI",
            "The effect of temperature is significant: lower accuracy with 0.5 (p Holm-adjusted for 2 comparisons).",
            "Confidence intervals cover test images and seeds; differences are paired",
        ],
    );
    assert!(!text.contains("0.5 and 1.0"), "{text}");
}

#[test]
fn settings_swept_together_count_as_one() {
    let of = |batch: &str, rate: &str, right| {
        let values = vec![("batch_size".to_owned(), batch.to_owned()), ("learning_rate".to_owned(), rate.to_owned())];
        EvaluationResult { values, variant: format!("batch_size {batch}, learning_rate {rate}"), ..linear(0, right) }
    };
    let text = verdict(vec![of("16", "1e-3", 500), of("64", "2e-3", 420)]);
    contains(
        &text,
        &[
            "Validation accuracy selects batch_size / learning_rate 16 / 1e-3 from 2 values",
            "\u{2212}8.0 points with 64 / 2e-3",
        ],
    );
    assert_eq!(text.matches("Validation accuracy selects").count(), 1, "{text}");
}

#[test]
fn failing_to_beat_the_majority_class_comes_first() {
    let text = verdict(vec![linear(0, 200), supervised(190)]);
    assert!(text.starts_with("Majority-class baseline: The majority-class baseline reaches 20.0 %"), "{text}");
    contains(&text, &["and no result is significantly better"]);
    let text = verdict(vec![linear(0, 500), supervised(190)]);
    contains(&text, &["these results are not significantly better: Supervised"]);
    let text = verdict(vec![linear(0, 500), supervised(600)]);
    contains(&text, &["every result of a trained network is significantly better"]);
}

#[test]
fn collapse_is_reported() {
    let row = |effective_rank, spread, alignment| HealthRow {
        stage: "pretrain.main".into(),
        depth_label: "h (64-d)".into(),
        effective_rank,
        spread,
        alignment,
        width: 64,
        ..HealthRow::default()
    };
    let of = |row: HealthRow| {
        let class = |name: &str| ClassCount { name: name.into(), train: 1, validation: 1, test: 1 };
        let classes = ["a", "b", "c", "d", "e"].map(class).to_vec();
        let dataset = crate::render::data::DatasetFacts { classes, ..Default::default() };
        text(&Report { health: vec![row], dataset, ..report(vec![linear(0, 500)]) })
    };
    contains(
        &of(row(22.3, 0.11, 0.3)),
        &["No pretrained representation has collapsed; h has effective rank 22.3 of 64."],
    );
    contains(
        &of(row(1.6, 0.009, 0.001)),
        &["A representation has collapsed (standard deviation below a tenth of an even spread"],
    );
    contains(
        &of(row(3.1, 0.1, 0.3)),
        &["shows dimensional collapse (effective rank below 5 % of the width): pretrain.main (h has effective rank \
            3.1 of 64"],
    );
    contains(&of(row(40.0, 0.12, 1.9)), &["does not align the two views of an image"]);
    let untrained = HealthRow { is_untrained: true, ..row(1.0, 0.0, 0.0) };
    assert!(!of(untrained).contains("Collapse"));
}

#[test]
fn caveats_are_reported() {
    let mut shared = report(vec![linear(0, 900)]);
    shared.dataset.classes = vec![ClassCount { name: "a".into(), train: 10, validation: 0, test: 12 }];
    shared.dataset.shared = vec![("test/a/1.png".into(), "train/a/7.png".into())];
    shared.warnings = vec!["`supervised.scratch` makes 120 steps.".into()];
    shared.results[0].selected_on_test = true;
    let text = text(&shared);
    assert!(
        text.starts_with("Train-test overlap: 1 of 12 test images is also a training or validation image"),
        "{text}"
    );
    contains(
        &text,
        &["`test/a/1.png` is the same image as `train/a/7.png`", "Unequal training conditions: `supervised.scratch`"],
    );
    contains(&text, &["were selected on the test set", "Results with another seed can differ by more"]);
    assert!(verdict(vec![]).contains("there are no results"));
}
