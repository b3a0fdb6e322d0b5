//! The layout of figures, measured, and which series they show.

use super::*;
use crate::render::data::{CurveKind, CurveRow, EmbeddingPanel, EvaluationResult, TrainingCurve};

#[test]
fn baselines_precede_the_other_depths_of_a_sweep() {
    let of = |kind, stage: &str, depth: Option<usize>, variant: &str, validation: f64| EvaluationResult {
        kind,
        stage: stage.into(),
        from: depth.map(|_| stage.to_owned()),
        depth,
        is_untrained: stage == "untrained",
        variant: variant.into(),
        accuracy: 1.0 - validation,
        validation_accuracy: Some(validation),
        ..EvaluationResult::default()
    };
    let linear = EvaluationKind::LinearEval;
    let results = [
        of(linear, "main", Some(0), "a", 0.4),
        of(linear, "main", Some(1), "a", 0.9),
        of(linear, "main", Some(0), "b", 0.5),
        of(linear, "main", Some(1), "b", 0.2),
        of(linear, "untrained", Some(0), "", 0.1),
        of(EvaluationKind::Supervised, "scratch", None, "", 0.3),
    ];
    let ordered = by_prominence(groups::over_seeds(&results));
    let names = ordered.iter().map(|group| (group.first().stage.as_str(), group.first().depth, group.variant.as_str()));
    let wanted = [
        ("main", Some(0), "b"),
        ("untrained", Some(0), ""),
        ("scratch", None, ""),
        ("main", Some(1), "b"),
        ("main", Some(0), "a"),
        ("main", Some(1), "a"),
    ];
    assert_eq!(names.collect::<Vec<_>>(), wanted);
}

/// A sweep with more results than figures have room for; `name` is in every name.
fn sweep(name: &str) -> Report {
    let mut results = Vec::new();
    let evaluation = |kind, from: &str, depth: Option<usize>, fraction, temperature: &str| {
        let variant =
            if temperature.is_empty() { String::new() } else { format!("temperature {temperature}, width 32") };
        let values = vec![("temperature".to_owned(), temperature.to_owned())];
        EvaluationResult {
            kind,
            stage: format!("{kind:?} {name}"),
            from: depth.map(|_| from.to_owned()),
            depth,
            depth_label: depth.map(|depth| format!("projection layer {depth} ({name})")).unwrap_or_default(),
            fraction,
            is_untrained: from == "untrained",
            values: if temperature.is_empty() { Vec::new() } else { values },
            variant,
            accuracy: 0.3 + 0.2 * fraction,
            interval: (0.25 + 0.2 * fraction, 0.35 + 0.2 * fraction),
            validation_accuracy: Some(0.4),
            classes: vec![format!("cat {name}"), format!("dog {name}")],
            confusion: vec![vec![30, 20], vec![0, 50]],
            ..EvaluationResult::default()
        }
    };
    for fraction in [0.01, 0.1, 1.0] {
        for temperature in ["0.05", "0.1", "0.5", "1.0"] {
            for depth in 0..3 {
                results.push(evaluation(EvaluationKind::LinearEval, "main", Some(depth), fraction, temperature));
                results.push(evaluation(EvaluationKind::Knn, "main", Some(depth), fraction, temperature));
            }
        }
        results.push(evaluation(EvaluationKind::LinearEval, "untrained", Some(0), fraction, ""));
        results.push(evaluation(EvaluationKind::Supervised, "", None, fraction, ""));
    }
    let curve = |kind, at: usize| TrainingCurve {
        kind,
        stage: format!("stage {name}"),
        variant: format!("temperature 0.{at}, width 32"),
        fraction: Some(0.1),
        depth_label: name.to_owned(),
        best_epoch: Some(3),
        rows: (1..=8)
            .map(|epoch| CurveRow {
                epoch: f64::from(epoch),
                loss: 2.0,
                accuracy: 0.5,
                learning_rate: 1e-5,
                ..CurveRow::default()
            })
            .collect(),
        ..TrainingCurve::default()
    };
    let curves = (1..7)
        .flat_map(|at| [CurveKind::Pretrain, CurveKind::Supervised, CurveKind::LinearEval].map(|kind| curve(kind, at)));
    let panel = |depth: usize| EmbeddingPanel {
        method: "PCA".to_owned(),
        explained: Some((0.41, 0.12)),
        depth_label: format!("projection layer {depth} {name}"),
        points: (0..40_u8).map(|at| (f32::from(at % 7), f32::from(at % 11))).collect(),
        labels: (0..40).map(|at| at % 20).collect(),
        classes: (0..20).map(|class| format!("{name} {class}")).collect(),
        ..EmbeddingPanel::default()
    };
    Report { results, curves: curves.collect(), embeddings: (0..4).map(panel).collect(), ..Report::default() }
}

#[test]
fn text_is_legible_and_never_overlaps_at_any_width_and_for_any_name() {
    let long = "a name ".repeat(40);
    for name in ["run", "", long.as_str(), &"x".repeat(300), "<b>\u{202e}&\n🐱 猫"] {
        for figure in all(&sweep(name)).unwrap() {
            for (scene, width) in figure.rendered.scenes.iter().zip(["wide", "narrow"]) {
                scene.assert_legible(&format!("{} {width} {name:?}", figure.name));
            }
        }
    }
}

#[test]
fn the_names_of_the_series_of_a_figure_differ() {
    for figure in all(&sweep("run")).unwrap() {
        let Some(data) = &figure.rendered.data else { continue };
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        for panel in data["panels"].as_array().unwrap() {
            let series = panel["series"].as_array().map(Vec::as_slice).unwrap_or_default();
            let of = |key: &str| series.iter().map(|series| series[key].to_string()).collect::<Vec<_>>();
            let looks: Vec<[String; 4]> = series
                .iter()
                .map(|series| ["class", "dash", "marker", "marked"].map(|key| series[key].to_string()))
                .collect();
            for (at, name) in of("name").iter().enumerate() {
                assert!(!of("name")[..at].contains(name), "{}: {name} twice", figure.name);
                assert!(!looks[..at].contains(&looks[at]), "{}: {:?} twice", figure.name, looks[at]);
            }
        }
    }
}

#[test]
fn baselines_are_in_every_figure_that_compares_accuracies() {
    let figures = all(&sweep("run")).unwrap();
    for name in ["comparison", "accuracy-by-depth", "label-efficiency", "sweep-temperature-linear-evaluation"] {
        let figure = figures.iter().find(|figure| figure.name == name).unwrap();
        for baseline in ["Supervised", "untrained"] {
            assert!(figure.rendered.inline.contains(baseline), "{name} lacks {baseline}");
        }
    }
}
