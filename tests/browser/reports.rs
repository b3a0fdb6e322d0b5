//! The reports that the browser is shown.

use simclr::analysis::wilson_interval;
use simclr::dataset::{ClassCount, Part};
use simclr::render::data::{
    CurveKind, CurveRow, DatasetFacts, DuplicateImage, EmbeddingPanel, EncodedImage, EvaluationKind, EvaluationResult,
    HealthRow, Mistake, Neighbors, PairCosines, PairsImage, Report, SimilarityRow, StageRow, Thumbnail, Thumbnails,
    TrainingCurve,
};
use simclr::render::{Correctness, pairs_png};

/// Returns the reports by name. `full` and `hostile` differ only in names.
pub(crate) fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("full", full(str::to_owned)),
        ("hostile", full(hostile)),
        ("sweep", sweep()),
        ("empty", Report::default()),
        ("classes", classes()),
        ("unlabeled", unlabeled()),
    ]
}

/// Makes a name that no page should be impressed by: markup, directions, length, characters of several code points.
fn hostile(name: &str) -> String {
    let kind = name.bytes().map(usize::from).sum::<usize>() % 5;
    match kind {
        0 => format!("<img src=x onerror=alert()>{name}</script><b>&amp;"),
        1 => format!("{name} שלום \u{202e}\u{200f}عربي"),
        2 => format!("{name}-{}", "x".repeat(300)),
        3 => format!("{name} {}", "very long ".repeat(30)),
        _ => format!("👩\u{200d}👩\u{200d}👧\u{200d}👦🏳️\u{200d}🌈 {name} 🤖 |*_\" onclick='"),
    }
}

/// Images with their views and similarities.
const EXAMPLES: usize = 5;
const FRACTIONS: [f64; 3] = [0.01, 0.1, 1.0];
const DEPTHS: [&str; 3] = ["h (128-d)", "projection layer 1 (256-d)", "z (64-d)"];

/// A study with everything that a page can show; `named` makes its names.
fn full(named: fn(&str) -> String) -> Report {
    let mut report = Report {
        title: named("Five classes of photographs"),
        study: named("photos"),
        description: vec![(named("Question"), named("Is pretraining better than labels alone?"))],
        curves: curves(),
        embeddings: DEPTHS.map(|depth| embedding(depth, &["cat", "dog", "car", "ship", "bird"].map(named))).into(),
        pairs: vec![PairsImage {
            policy: named("views"),
            key: "of the run".into(),
            views: 2,
            side: 8,
            png: EncodedImage(pairs_png(&vec![(vec![9; 192], vec![vec![99; 192]; 2]); EXAMPLES], 8)),
        }],
        models: vec![(
            named("encoder"),
            "layer          output      parameters\nconv1          64 x 48     1728".into(),
        )],
        failures: vec![(named("embed.tsne"), named("the disk is full"))],
        ..Report::default()
    };
    for (at, fraction) in FRACTIONS.into_iter().enumerate() {
        for depth in 0..3 {
            report.results.push(linear(depth, fraction, 110 + 20 * at - 9 * depth));
            report.results.push(untrained(linear(depth, fraction, 70 + 12 * at - 5 * depth)));
        }
        report.results.push(result(EvaluationKind::Supervised, fraction, 60 + 40 * at));
    }
    report.results.push(EvaluationResult { from: Some("main".into()), ..result(EvaluationKind::Knn, 1.0, 141) });
    for result in &mut report.results {
        result.from = result.from.take().map(|name| named(&name));
        result.stage = named(&result.stage);
        result.classes = ["cat", "dog", "car", "ship", "bird"].map(named).into();
    }
    report.curves.iter_mut().for_each(|curve| curve.stage = named(&curve.stage));
    report.embeddings.iter_mut().for_each(|panel| panel.images = (0..200).map(|at| named(&image(at))).collect());
    report.thumbnails = vec![thumbnails(named)];
    report.similarities = DEPTHS.map(|depth| similarities(&named("main"), depth)).into();
    report.results[0].mistakes =
        vec![Mistake { image: named("image0"), class: named("cat"), predicted: named("dog"), confidence: 0.93 }];
    report.health = DEPTHS.map(|depth| health(&named("main"), depth)).into();
    report.stages = (0..24).map(|at| stage(at, named)).collect();
    report.datasets = vec![dataset(named)];
    report.reproduce.command = named("simclr run photos.toml");
    report.reproduce.resolved_toml = named("[study]\nname = \"photos\"");
    report.reproduce.versions = vec![(named("simclr"), "0.1.0".into())];
    report.reproduce.seeds = vec![1];
    report
}

/// Four temperatures, three batch sizes and three seeds, beside what a sweep does not touch.
fn sweep() -> Report {
    let mut report = full(str::to_owned);
    report.title = "A sweep".into();
    report.curves.clear();
    report.health.clear();
    report.results.retain(|result| result.is_untrained);
    report.settings =
        vec!["pretrain.main.loss.nt_xent.temperature".into(), "pretrain.main.batch_size".into(), "seed".into()];
    for (run, temperature) in ["0.05", "0.1", "0.5", "1.0"].into_iter().enumerate() {
        for (half, batch) in ["128", "256", "512"].into_iter().enumerate() {
            let variant = format!("temperature {temperature}, batch_size {batch}");
            for seed in 1..=3 {
                let values = [("temperature", temperature), ("batch_size", batch)];
                for (depth, fraction) in [(0, 0.1), (0, 1.0), (2, 0.1), (2, 1.0)] {
                    let correct =
                        100 + 13 * run + 4 * half + 3 * seed as usize - 6 * depth + (40.0 * fraction) as usize;
                    report.results.push(EvaluationResult {
                        variant: format!("{variant}, seed {seed}"),
                        values: values.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                        seed,
                        ..linear(depth, fraction, correct)
                    });
                }
                let of_seed = format!("{variant}, seed {seed}");
                report.curves.push(TrainingCurve { variant: of_seed, ..curve(CurveKind::Pretrain, "main", 12 + run) });
            }
            report.health.push(HealthRow { variant, ..health("main", DEPTHS[0]) });
        }
    }
    report.results.push(result(EvaluationKind::Supervised, 1.0, 120));
    report
}

/// As many classes as are distinguished by color and shape.
fn classes() -> Report {
    let names: Vec<String> =
        (0..20).map(|class| ["ant", "bee", "cow", "dog", "eel"][class % 5].repeat(1 + class / 5)).collect();
    let mut report = Report { title: "Twenty classes".into(), ..Report::default() };
    let confusion = |class: usize| {
        (0..20)
            .map(|other| if other == class { 7 } else { usize::from((class + other).is_multiple_of(9)) * 2 })
            .collect()
    };
    report.results = vec![EvaluationResult {
        classes: names.clone(),
        confusion: (0..20).map(confusion).collect(),
        top5_accuracy: Some(0.9),
        ..linear(0, 1.0, 140)
    }];
    report.embeddings = vec![embedding(DEPTHS[0], &names)];
    report.datasets = vec![DatasetFacts {
        classes: names.into_iter().map(|name| ClassCount { name, train: 50, validation: 5, test: 12 }).collect(),
        ..dataset(str::to_owned)
    }];
    report
}

/// Images without labels: nothing is evaluated.
fn unlabeled() -> Report {
    Report {
        title: "Without labels".into(),
        curves: vec![curve(CurveKind::Pretrain, "main", 10)],
        health: vec![health("main", DEPTHS[0])],
        datasets: vec![DatasetFacts {
            classes: vec![ClassCount { name: String::new(), train: 900, validation: 0, test: 100 }],
            source: "a directory".into(),
            image_size: 32,
            ..DatasetFacts::default()
        }],
        ..Report::default()
    }
}

fn result(kind: EvaluationKind, fraction: f64, correct: usize) -> EvaluationResult {
    let total = 250;
    EvaluationResult {
        kind,
        stage: format!("{kind:?}").to_lowercase(),
        fraction,
        labeled: (1000.0 * fraction) as usize,
        seed: 1,
        correct,
        total,
        accuracy: correct as f64 / total as f64,
        interval: wilson_interval(correct, total),
        balanced_accuracy: correct as f64 / total as f64 - 0.012,
        macro_f1: correct as f64 / total as f64 - 0.021,
        right: Correctness((0..total).map(|image| image * 37 % total < correct).collect()),
        validation_accuracy: Some((correct as f64 + 4.0) / total as f64),
        classes: ["cat", "dog", "car", "ship", "bird"].map(String::from).into(),
        confusion: (0..5)
            .map(|class| {
                (0..5).map(|other| if class == other { correct / 5 } else { (total - correct) / 20 }).collect()
            })
            .collect(),
        epochs: 40,
        encoder: "resnet".into(),
        ..EvaluationResult::default()
    }
}

fn linear(depth: usize, fraction: f64, correct: usize) -> EvaluationResult {
    EvaluationResult {
        from: Some("main".into()),
        depth: Some(depth),
        depth_label: DEPTHS[depth].into(),
        ..result(EvaluationKind::LinearEval, fraction, correct)
    }
}

fn untrained(result: EvaluationResult) -> EvaluationResult {
    EvaluationResult { from: Some("untrained".into()), is_untrained: true, ..result }
}

fn curves() -> Vec<TrainingCurve> {
    let of_depth = |depth: usize| TrainingCurve {
        from: Some("main".into()),
        depth: Some(depth),
        depth_label: DEPTHS[depth].into(),
        ..curve(CurveKind::LinearEval, "linear_eval", 40)
    };
    let pretraining = curve(CurveKind::Pretrain, "main", 30);
    [pretraining, curve(CurveKind::Supervised, "supervised", 30)].into_iter().chain((0..3).map(of_depth)).collect()
}

fn curve(kind: CurveKind, stage: &str, epochs: usize) -> TrainingCurve {
    let labeled = kind != CurveKind::Pretrain;
    let row = |epoch: usize| {
        let progress = epoch as f64 / epochs as f64;
        CurveRow {
            epoch: epoch as f64,
            loss: 5.0 - 3.0 * progress.sqrt(),
            accuracy: 0.1 + 0.6 * progress,
            learning_rate: 1e-3 * (1.0 - progress),
            selection_loss: labeled.then_some(5.1 - 2.8 * progress.sqrt()),
            selection_accuracy: labeled.then_some(0.1 + 0.5 * progress),
        }
    };
    TrainingCurve {
        kind,
        stage: stage.into(),
        fraction: labeled.then_some(1.0),
        loss: if labeled { String::new() } else { "NT-Xent loss (nats)".into() },
        chance: (!labeled).then(|| 511_f64.ln()),
        chance_formula: (!labeled).then(|| "ln(2N − 1)".into()),
        chance_accuracy: (!labeled).then_some(1.0 / 511.0),
        rows: (1..=epochs).map(row).collect(),
        steps_per_epoch: Some(39),
        best_epoch: labeled.then_some(epochs - 2),
        chosen_by: if labeled { "lowest loss".into() } else { String::new() },
        ..TrainingCurve::default()
    }
}

fn embedding(depth: &str, classes: &[String]) -> EmbeddingPanel {
    let point = |at: usize| {
        let (class, angle) = (at % classes.len(), at as f32 * 2.4);
        let center = (class as f32 * 1.3).sin_cos();
        (9.0 * center.0 + 2.0 * angle.cos(), 9.0 * center.1 + 2.0 * angle.sin() + (at % 7) as f32 * 0.2)
    };
    EmbeddingPanel {
        stage: "tsne".into(),
        from: "main".into(),
        depth_label: depth.into(),
        method: "t-SNE, perplexity 30".into(),
        points: (0..200).map(point).collect(),
        labels: (0..200).map(|at| at % classes.len()).collect(),
        classes: classes.to_vec(),
        ..EmbeddingPanel::default()
    }
}

/// Name of an image.
fn image(at: usize) -> String {
    format!("image{at}")
}

fn thumbnails(named: fn(&str) -> String) -> Thumbnails {
    let thumbnail = |at: usize| Thumbnail { position: 2 * at, name: named(&image(2 * at)), class: named("cat") };
    Thumbnails {
        total: 200,
        are_test: true,
        side: 8,
        columns: 10,
        // The page takes any format.
        jpeg: EncodedImage(pairs_png(&[(vec![99; 192], vec![])], 8)),
        images: (0..100).map(thumbnail).collect(),
        ..Thumbnails::default()
    }
}

fn similarities(run: &str, depth: &str) -> SimilarityRow {
    SimilarityRow {
        run: run.into(),
        depth_label: depth.into(),
        positives: (0..40).map(|bin| bin * bin).collect(),
        negatives: (0..40).map(|bin| 1600 - bin * bin).collect(),
        neighbors: (0..4)
            .map(|at| Neighbors { image: 2 * at, nearest: vec![(20, 0.9), (22, 0.8), (24, 0.7)] })
            .collect(),
        examples: (0..EXAMPLES).map(|at| PairCosines { positive: 0.99 - 0.1 * at as f32, negative: -0.125 }).collect(),
        pairs: "of the run".into(),
        ..SimilarityRow::default()
    }
}

fn health(stage: &str, depth: &str) -> HealthRow {
    HealthRow {
        stage: stage.into(),
        depth_label: depth.into(),
        alignment: 0.31,
        uniformity: -2.4,
        spread: 0.08,
        effective_rank: 41.2,
        width: 128,
        ..HealthRow::default()
    }
}

fn stage(at: usize, named: fn(&str) -> String) -> StageRow {
    let name = |at: usize| format!("{}.part{at}", ["images", "split", "pretrain", "features", "linear_eval"][at % 5]);
    StageRow {
        name: named(&name(at)),
        kind: ["images", "split", "pretrain", "features", "linear_eval"][at % 5].into(),
        key: "0123456789abcdef".into(),
        inputs: at.checked_sub(1).map(|before| named(&name(before))).into_iter().collect(),
    }
}

fn dataset(named: fn(&str) -> String) -> DatasetFacts {
    let duplicate = |at: usize| DuplicateImage {
        image: named(&format!("test/cat/{at}.jpg")),
        class: named("cat"),
        part: Part::Test,
        other: named(&format!("train/dog/{at}.jpg")),
        other_class: named("dog"),
        other_part: Part::Training,
        is_exact: at.is_multiple_of(2),
    };
    DatasetFacts {
        source: named("an image directory"),
        classes: ["cat", "dog", "car", "ship", "bird"]
            .map(|name| ClassCount { name: named(name), train: 200, validation: 20, test: 50 })
            .into(),
        image_size: 48,
        skipped: vec![(named("cat/broken.jpg"), named("not an image"))],
        damaged: vec![(named("dog/cut.jpg"), named("the JPEG is damaged"))],
        passed_over: vec![(named("text"), 3, named("notes.txt"))],
        duplicates: (0..12).map(duplicate).collect(),
        duplicates_png: EncodedImage(pairs_png(&[(vec![9; 192], vec![vec![99; 192]])], 8)),
        ..DatasetFacts::default()
    }
}
