//! The written report: bytes, files, malicious names, extreme values and missing parts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use simclr::analysis::wilson_interval;
use simclr::base::rows::unquoted;
use simclr::base::text::is_hidden;
use simclr::dataset::ClassCount;
use simclr::render::data::{
    CurveKind, CurveRow, DatasetFacts, EmbeddingPanel, EvaluationKind, EvaluationResult, HealthRow, PairsImage, Report,
    StageRow, TrainingCurve,
};
use simclr::render::{Cell, CellFormat, StageColumn, StageTable, pairs_png, results_markdown, write};
use std::collections::BTreeMap;
use std::path::Path;

/// Text that a report must never output as markup.
const HOSTILE: &str = "=<script>alert('&')</script>\n\"|\u{1}\u{1b}[31m\u{202e}\u{200b}";

fn result(kind: EvaluationKind, depth: Option<usize>, fraction: f64, seed: u64, correct: usize) -> EvaluationResult {
    let total = 250;
    EvaluationResult {
        kind,
        stage: format!("{kind:?}").to_lowercase(),
        from: depth.map(|_| "main".into()),
        depth,
        depth_label: depth.map(|depth| format!("depth {depth}")).unwrap_or_default(),
        fraction,
        labeled: (1000.0 * fraction) as usize,
        variant: format!("temperature 0.1, seed {seed}"),
        values: vec![("temperature".into(), "0.1".into()), ("seed".into(), seed.to_string())],
        seed,
        correct,
        total,
        accuracy: correct as f64 / total as f64,
        interval: wilson_interval(correct, total),
        classes: vec!["cat".into(), "dog".into()],
        confusion: vec![vec![100, 25], vec![30, 95]],
        ..EvaluationResult::default()
    }
}

fn curve(kind: CurveKind, depth: Option<usize>) -> TrainingCurve {
    let row = |epoch: usize| CurveRow {
        epoch: epoch as f64,
        loss: 4.0 / epoch as f64,
        accuracy: 1.0 - 1.0 / epoch as f64,
        learning_rate: 0.1 / epoch as f64,
        selection_loss: Some(4.1 / epoch as f64),
        selection_accuracy: Some(0.9 - 0.9 / epoch as f64),
    };
    TrainingCurve {
        kind,
        stage: format!("{kind:?}").to_lowercase(),
        depth,
        depth_label: depth.map(|depth| format!("depth {depth}")).unwrap_or_default(),
        fraction: Some(0.1),
        chance: Some(127_f64.ln()),
        rows: (1..=10).map(row).collect(),
        best_epoch: Some(8),
        ..TrainingCurve::default()
    }
}

fn embedding(classes: &[String]) -> EmbeddingPanel {
    EmbeddingPanel {
        stage: "tsne".into(),
        from: "main".into(),
        depth_label: "depth 0".into(),
        method: "t-SNE".into(),
        points: (0..60).map(|at| ((at % 7) as f32, (at % 11) as f32)).collect(),
        labels: (0..60).map(|at| at % classes.len()).collect(),
        classes: classes.to_vec(),
        ..EmbeddingPanel::default()
    }
}

/// What a stage kind without a section of its own gives to a report.
fn table(text: &str) -> StageTable {
    StageTable {
        title: text.to_owned(),
        explanation: format!("Clusters of {text}."),
        columns: vec![
            StageColumn::new(text, CellFormat::Text),
            StageColumn::new("Variant", CellFormat::Text),
            StageColumn::new("Purity", CellFormat::Percent),
            StageColumn::new("ARI", CellFormat::Decimals(3)),
        ],
        rows: vec![
            vec![text.into(), Cell::Missing, 0.5284.into(), 0.3.into()],
            vec![text.into(), Cell::Missing, f64::NAN.into(), 1e308.into()],
        ],
    }
}

fn full() -> Report {
    let mut results = Vec::new();
    for seed in 1..=3 {
        for (fraction, correct) in [(0.1, 130), (1.0, 150)] {
            for depth in [0, 1] {
                let correct = correct - 20 * depth + seed as usize;
                results.push(result(EvaluationKind::LinearEval, Some(depth), fraction, seed, correct));
            }
            results.push(result(EvaluationKind::Supervised, None, fraction, seed, correct - 15 + seed as usize));
        }
        results.push(result(EvaluationKind::Knn, Some(0), 1.0, seed, 140));
    }
    let mut warmer = result(EvaluationKind::LinearEval, Some(0), 0.1, 1, 120);
    warmer.variant = "temperature 0.5, seed 1".into();
    warmer.values[0].1 = "0.5".into();
    results.push(warmer);
    let mut report = Report {
        title: "A study".into(),
        settings: vec!["pretrain.main.loss.nt_xent.temperature".into()],
        curves: vec![
            curve(CurveKind::Pretrain, None),
            curve(CurveKind::LinearEval, Some(0)),
            curve(CurveKind::LinearEval, Some(1)),
            curve(CurveKind::Supervised, None),
        ],
        results,
        embeddings: vec![embedding(&["cat".into(), "dog".into()])],
        pairs: vec![PairsImage {
            policy: "simclr".into(),
            png: pairs_png(&[(vec![9; 192], vec![vec![99; 192]])], 8).into(),
            ..PairsImage::default()
        }],
        health: vec![HealthRow { stage: "main".into(), alignment: f64::NAN, width: 64, ..HealthRow::default() }],
        models: vec![("main".into(), "layer 1".into())],
        stages: vec![StageRow { name: "pretrain.main".into(), ..StageRow::default() }],
        failures: vec![("embed.tsne".into(), "the disk is full".into())],
        ..Report::default()
    };
    report.datasets = vec![DatasetFacts {
        classes: ["cat", "dog"]
            .map(|name| ClassCount { name: name.into(), train: 500, validation: 50, test: 125 })
            .into(),
        skipped: vec![("cat_1.jpg".into(), "not an image".into())],
        damaged: vec![("cat_2.jpg".into(), "the JPEG is damaged".into())],
        ..DatasetFacts::default()
    }];
    report.reproduce.command = "simclr run study.toml".into();
    report
}

fn hostile() -> Report {
    let evil = || HOSTILE.to_owned();
    let mut report = full();
    report.title = evil();
    report.study = evil();
    report.description = vec![(evil(), evil())];
    report.datasets[0].source = evil();
    report.datasets[0].classes[0].name = evil();
    report.datasets[0].skipped = vec![(evil(), evil())];
    report.datasets[0].damaged = vec![(evil(), evil())];
    report.settings = vec![evil()];
    report
        .curves
        .iter_mut()
        .for_each(|curve| (curve.stage, curve.variant, curve.depth_label) = (evil(), evil(), evil()));
    for result in &mut report.results {
        (result.stage, result.depth_label, result.from, result.classes) =
            (evil(), evil(), Some(evil()), vec![evil(), evil()]);
        result.variant = format!("{HOSTILE}, seed {}", result.seed);
        result.values[0].0 = evil();
    }
    let panel = &mut report.embeddings[0];
    (panel.stage, panel.method, panel.depth_label, panel.classes) = (evil(), evil(), evil(), vec![evil(), evil()]);
    report.pairs[0].policy = evil();
    report.health[0].stage = evil();
    report.models = vec![(evil(), evil())];
    report.stages[0] = StageRow { name: evil(), kind: evil(), key: evil(), inputs: vec![evil()] };
    report.reproduce.command = evil();
    report.reproduce.resolved_toml = evil();
    report.reproduce.versions = vec![(evil(), evil())];
    report.failures = vec![(evil(), evil())];
    report.tables = vec![table(HOSTILE), StageTable { title: String::new(), ..table(HOSTILE) }, table("../../x")];
    report
}

/// Values that no training run produces, and more data than a page can show.
fn extreme() -> Report {
    let classes: Vec<String> = (0..100).map(|class| format!("class {class}")).collect();
    let mut report = full();
    report.results.clear();
    for variant in 0..60 {
        let mut result = result(EvaluationKind::LinearEval, Some(variant % 3), 0.1, 1, 100);
        result.variant = format!("temperature {variant}");
        result.values = vec![("temperature".into(), variant.to_string())];
        result.classes.clone_from(&classes);
        result.confusion = vec![vec![1; 100]; 100];
        report.results.push(result);
        report
            .curves
            .push(TrainingCurve { variant: format!("temperature {variant}"), ..curve(CurveKind::Pretrain, None) });
    }
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 0.0];
    for (result, odd) in report.results.iter_mut().zip(odd) {
        (result.accuracy, result.interval, result.fraction) = (odd, (odd, odd), odd);
        result.total = 0;
        result.confusion = vec![vec![1, 2], vec![3]];
    }
    for (row, odd) in report.curves[0].rows.iter_mut().zip(odd) {
        (row.epoch, row.loss, row.accuracy, row.learning_rate) = (odd, odd, odd, odd);
    }
    report.curves[1].rows.truncate(1);
    report.curves[2].rows.iter_mut().for_each(|row| row.selection_accuracy = Some(f64::NAN));
    let mut panel = embedding(&classes);
    panel.points[0] = (f32::NAN, f32::INFINITY);
    panel.labels[1] = 1000;
    panel.labels.truncate(40);
    report.embeddings = vec![panel, EmbeddingPanel::default()];
    report
}

fn written(report: &Report) -> BTreeMap<String, Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    write(report, directory.path()).unwrap();
    let mut files = BTreeMap::new();
    collect(directory.path(), "", &mut files);
    files
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn text(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

fn ending<'a>(files: &'a BTreeMap<String, Vec<u8>>, end: &str) -> Vec<(&'a str, &'a [u8])> {
    files
        .iter()
        .filter(|(name, _)| name.ends_with(end))
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect()
}

#[test]
fn equal_reports_give_equal_bytes() {
    let (first, second) = (written(&full()), written(&full()));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, bytes) in &first {
        assert!(bytes == &second[name], "{name} differs");
    }
}

#[test]
fn a_full_study_has_every_figure() {
    let files = written(&full());
    let plots: Vec<&str> = ending(&files, ".svg").into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "accuracy-by-depth",
        "comparison",
        "confusion-knn-main-h-100-temperature-0-1",
        "confusion-linear-main-h-10-temperature-0-1",
        "confusion-linear-main-h-100-temperature-0-1",
        "confusion-supervised-supervised-10-temperature-0-1",
        "confusion-supervised-supervised-100-temperature-0-1",
        "embedding-t-sne-main",
        "label-efficiency",
        "learning-rate",
        "linear-evaluation-curves",
        "pretraining",
        "supervised-training",
        "sweep-temperature-linear-evaluation",
    ];
    for name in wanted {
        for extension in ["svg", "png", "pdf"] {
            assert!(files.contains_key(&format!("plots/{name}.{extension}")), "{name}.{extension} is not in {plots:?}");
        }
    }
}

#[test]
fn names_of_figures_are_short_ascii_and_those_of_places_on_the_page() {
    for report in [full(), hostile(), extreme()] {
        let files = written(&report);
        let page = text(&files, "index.html");
        for (name, _) in ending(&files, ".svg") {
            let name = name.trim_start_matches("plots/").trim_end_matches(".svg");
            assert!(name.len() < 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
            assert_eq!(page.matches(&format!("id=\"{name}\"")).count(), 1, "{name}");
        }
    }
}

#[test]
fn figures_have_two_drawings_and_their_data_on_the_page() {
    let page = text(&written(&full()), "index.html");
    let count = |needle: &str| page.matches(needle).count();
    assert!(count("class=\"chart wide\"") >= 14);
    assert_eq!(count("class=\"chart wide\""), count("class=\"chart narrow\""));
    let data = page.split("class=\"chart-data\">").skip(1).map(|rest| rest.split("</script>").next().unwrap());
    let mut kinds = Vec::new();
    for json in data {
        let data: serde_json::Value = serde_json::from_str(json).unwrap();
        let panels = data["panels"].as_array().unwrap();
        assert!(!panels.is_empty());
        for series in panels.iter().filter_map(|panel| panel["series"].as_array()).flatten() {
            assert!(!series["points"].as_array().unwrap().is_empty() && series["class"].is_string(), "{series}");
        }
        kinds.push(data["kind"].as_str().unwrap().to_owned());
    }
    assert!(kinds.contains(&"lines".to_owned()) && kinds.contains(&"points".to_owned()), "{kinds:?}");
}

#[test]
fn no_text_of_a_figure_is_too_small_to_read() {
    for report in [full(), hostile(), extreme()] {
        for (name, bytes) in ending(&written(&report), ".svg") {
            let svg = std::str::from_utf8(bytes).unwrap();
            let number = |text: &str| text.split(['"', ' ']).next().unwrap().parse::<f64>().unwrap();
            let after = |key: &str| number(svg.split_once(key).unwrap().1);
            let units_per_pixel = after("viewBox=\"0 0 ") / after(" width=\"");
            let sizes: Vec<f64> = svg.split("font-size=\"").skip(1).map(number).collect();
            assert!(!sizes.is_empty(), "{name} has no text");
            for size in sizes {
                // plotters rounds sizes; the least is 12.
                assert!(size / units_per_pixel > 11.8, "{name}: {} px", size / units_per_pixel);
            }
        }
    }
}

#[test]
fn images_decode_and_are_not_blank() {
    for report in [full(), hostile(), extreme()] {
        for (name, bytes) in ending(&written(&report), ".png") {
            let image = image::load_from_memory(bytes).unwrap().to_rgb8();
            let dark = image.pixels().filter(|pixel| pixel.0.iter().any(|&value| value < 128)).count();
            assert!(dark > 200, "{name} has {dark} dark pixels");
        }
    }
}

#[test]
fn svg_is_well_formed_and_has_finite_coordinates() {
    for report in [full(), hostile(), extreme()] {
        for (name, bytes) in ending(&written(&report), ".svg") {
            let svg = std::str::from_utf8(bytes).unwrap();
            assert!(svg.starts_with("<svg xmlns=") && svg.trim_end().ends_with("</svg>"), "{name}");
            assert!(!svg.contains("=\"NaN") && !svg.contains("inf\"") && !svg.contains("NaN,"), "{name}");
            assert!(svg.chars().all(|c| !is_hidden(c) || c == '\n'), "{name} holds a hidden character");
            assert_balanced(name, svg);
        }
    }
}

/// Asserts that elements are properly nested.
fn assert_balanced(name: &str, svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|rest| rest.split_once('>').unwrap_or_else(|| panic!("{name}: {rest}")).0) {
        let element = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(element.chars().all(char::is_alphanumeric) && !element.is_empty(), "{name}: <{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(element), "{name}");
        } else if !tag.ends_with('/') {
            open.push(element);
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} left open");
}

#[test]
fn names_are_escaped_everywhere() {
    let files = written(&hostile());
    for name in files.keys().filter(|name| name.ends_with(".html") || name.ends_with(".svg") || name.ends_with(".md")) {
        let text = text(&files, name);
        let own = text.replace("<script>", "").replace("<script type=\"application/json\" class=\"", "");
        assert!(!own.contains("<script"), "{name}");
        assert!(text.chars().all(|c| !is_hidden(c) || c == '\n'), "{name} holds a hidden character");
    }
    let is_embedding = |name: &&str| name.starts_with("plots/embedding-");
    let embedding = ending(&files, ".svg").into_iter().map(|(name, _)| name).find(is_embedding).unwrap();
    for name in ["index.html", "results.md", "plots/comparison.svg", embedding] {
        assert!(text(&files, name).contains("&lt;script"), "{name} lacks the name");
    }
}

#[test]
fn the_page_loads_nothing_from_the_network() {
    let page = text(&written(&full()), "index.html");
    assert!(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    for needle in ["src=\"http", "href=\"http", "url(http", "@import", "<script src", "<link"] {
        assert!(!page.contains(needle), "{needle}");
    }
    for anchor in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{anchor}\"")), "#{anchor} has no target");
    }
}

#[test]
fn files_that_the_page_links_to_exist() {
    for report in [full(), extreme(), Report::default()] {
        let files = written(&report);
        let page = text(&files, "index.html");
        for link in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(link.starts_with('#') || files.contains_key(link), "{link} is missing");
        }
    }
}

#[test]
fn csv_tables_round_trip() {
    for report in [full(), hostile()] {
        let files = written(&report);
        let mut reader = csv::Reader::from_reader(files["tables/results.csv"].as_slice());
        let headers = reader.headers().unwrap().clone();
        let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
        let (stage, correct, accuracy) = (at("stage"), at("correct"), at("accuracy"));
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), report.results.len());
        for (row, result) in rows.iter().zip(&report.results) {
            assert_eq!(unquoted(&row[stage]), result.stage);
            assert_eq!(row[correct].parse::<usize>().unwrap(), result.correct);
            assert_eq!(row[accuracy].parse::<f64>().unwrap(), result.accuracy);
        }
        for (name, bytes) in ending(&files, ".csv") {
            let mut reader = csv::Reader::from_reader(bytes);
            for row in reader.records().map(Result::unwrap) {
                let is_formula =
                    |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t']) && cell.parse::<f64>().is_err();
                assert!(!row.iter().any(is_formula), "{name}: {row:?}");
            }
        }
    }
}

#[test]
fn markdown_averages_seeds() {
    let text = results_markdown(&full());
    // (131 + 132 + 133) / 750
    let row = text.lines().find(|line| line.contains("depth 0") && line.contains("10 % (100)")).unwrap();
    assert!(row.contains("| 3 |") && row.contains("| 52.8 % |"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("| Linear")).count(), 5);
}

#[test]
fn an_empty_report_can_be_written() {
    let files = written(&Report::default());
    assert!(text(&files, "index.html").contains("there are no results"));
    assert!(text(&files, "results.md").ends_with("there are no results.\n"));
    assert!(ending(&files, ".png").is_empty());
}

#[test]
fn the_table_of_a_stage_is_on_the_page_in_markdown_and_in_csv() {
    let report = Report { tables: vec![table("Clustering")], ..Report::default() };
    let files = written(&report);
    let page = text(&files, "index.html");
    for part in [
        "<li><a href=\"#stage-clustering\">Clustering</a></li>",
        "<section id=\"stage-clustering\">\n<h2>Clustering</h2>\n<p>Clusters of Clustering.</p>",
        "<th scope=\"col\">Clustering</th><th scope=\"col\" class=\"number\">Purity</th>",
        "<th scope=\"row\">Clustering</th><td class=\"number\">52.8 %</td><td class=\"number\">0.300</td>",
        "No test accuracy was measured",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    let markdown = "## Clustering\n\nClusters of Clustering.\n\n| Clustering | Purity | ARI |\n| --- | ---: | ---: |\n\
                    | Clustering | 52.8 % | 0.300 |\n";
    assert!(text(&files, "results.md").contains(markdown), "{}", text(&files, "results.md"));
    assert!(text(&files, "tables/stage-clustering.csv").starts_with("clustering,variant,purity,ari\n"));
}

#[test]
fn a_report_without_tables_of_stages_is_as_it_was() {
    let files = written(&full());
    assert!(!files.keys().any(|name| name.contains("stage-")) && !text(&files, "index.html").contains("stage-"));
    assert!(!serde_json::to_string(&full()).unwrap().contains("\"tables\""));
    let empty = Report { tables: vec![StageTable { rows: Vec::new(), ..table("Clustering") }], ..full() };
    assert_eq!(text(&written(&empty), "index.html"), text(&files, "index.html"));
}

#[test]
fn one_kind_of_result_is_enough() {
    for kind in [EvaluationKind::Supervised, EvaluationKind::Knn, EvaluationKind::LinearEval] {
        let report = Report { results: vec![result(kind, None, 1.0, 1, 150)], ..Report::default() };
        let files = written(&report);
        assert!(text(&files, "index.html").contains("60.0\u{a0}%"), "{kind:?}");
        assert!(files.contains_key("plots/comparison.svg") && !files.contains_key("plots/accuracy-by-depth.svg"));
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = write(&full(), &file.path().join("report")).unwrap_err();
    assert!(error.to_string().contains("cannot create the directory"), "{error}");
}
