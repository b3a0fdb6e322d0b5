//! Complete runs of a small pipeline through the command line: the same bytes for any number of threads, nothing
//! computed twice, broken images reported by name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

mod common;

use assert_cmd::Command;
use common::artifacts;
use serde_json::Value;
use simclr::stages::artifacts::{read_array, read_rows};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every kind of stage on small synthetic images.
const PIPELINE: &str = r#"
name = "small"
seed = 3

[dataset]
source = { shapes = { train = 120, test = 60, classes = 3 } }
image_size = 16
validation_fraction = 0.2

[augment.views]
ops = [
  { random_resized_crop = { scale = [0.5, 1.0] } },
  { horizontal_flip = {} },
  { color_jitter = {} },
  { grayscale = {} },
  { gaussian_blur = {} },
]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [16, 8] }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
epochs = 2
batch_size = 24

[linear_eval.main]
from = "main"
depths = [0, 1, 2]
labeled_fraction = [0.2, 1.0]

[knn_eval.main]
from = "main"

[cluster_eval.main]
from = "main"
depths = [0, 2]
restarts = 3

[supervised.tuned]
init_from = "main"
augment = "views"
encoder = { tiny = { width = 0.25 } }
labeled_fraction = 0.5
epochs = 2

[embed.tsne]
from = "main"
method = { tsne = { perplexity = 5, iterations = 60 } }

[embed.pca]
from = "main"
depths = [2]
method = { pca = {} }
"#;

fn simclr() -> Command {
    Command::new(env!("CARGO_BIN_EXE_simclr"))
}

fn write(directory: &Path, text: &str) -> PathBuf {
    let file = directory.join("small.toml");
    fs::write(&file, text).unwrap();
    file
}

fn run(file: &Path, output: &Path, more: &[&str]) -> String {
    let run = simclr().arg("run").arg(file).arg("--output").arg(output).args(more).output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{text}");
    text
}

#[test]
fn one_and_two_threads_give_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), PIPELINE);
    let (one, two) = (directory.path().join("one"), directory.path().join("two"));
    run(&file, &one, &["--threads", "1"]);
    run(&file, &two, &["--threads", "2"]);
    let (one, two) = (artifacts(&one), artifacts(&two));
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    for kind in [
        "images",
        "dataset",
        "split",
        "pretrain",
        "features",
        "linear_eval",
        "knn_eval",
        "cluster_eval",
        "supervised",
        "embed",
        "report",
    ] {
        assert!(one.keys().any(|path| path.starts_with(kind)), "no artifact of {kind}");
    }
    for (path, bytes) in &one {
        assert!(*bytes == two[path], "{} differs between 1 and 2 threads", path.display());
    }
}

#[test]
fn a_finished_pipeline_computes_nothing_and_a_changed_value_only_what_depends_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), PIPELINE);
    let output = directory.path().join("out");
    let first = run(&file, &output, &[]);
    assert!(first.contains("cached 0"), "{first}");
    assert!(output.join("small/report/index.html").is_file());
    let again = run(&file, &output, &[]);
    assert!(again.contains("computed 0"), "{again}");

    fs::write(&file, format!("# a comment\n{PIPELINE}")).unwrap();
    assert!(run(&file, &output, &[]).contains("computed 0"), "a comment changed a key");

    let plan =
        simclr().args(["plan", "--set", "knn_eval.main.k=3"]).arg(&file).arg("--output").arg(&output).output().unwrap();
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("knn.k 20 -> 3"), "{plan}");
    assert!(run(&file, &output, &["--set", "knn_eval.main.k=3"]).contains("computed 2"), "kNN and report");
}

/// Applies the saved classifiers, exact ones and one trained by epochs, to the saved features.
#[test]
fn saved_classifiers_and_saved_features_give_the_predictions() {
    let directory = tempfile::tempdir().unwrap();
    let by_epochs = "[linear_eval.by-epochs]\nfrom = \"main\"\ndepths = [1]\nepochs = 3\n";
    let file = write(directory.path(), &format!("{PIPELINE}\n{by_epochs}"));
    let output = directory.path().join("out");
    run(&file, &output, &[]);
    let store = output.join("store-v1");
    let (mut exact, mut with_epochs) = (0, 0);
    for artifact in fs::read_dir(store.join("linear_eval")).unwrap().map(|entry| entry.unwrap().path()) {
        let json = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap();
        let key = json(artifact.join("key.json"));
        let input = |role: &str| store.join(role).join(key["inputs"][role].as_str().unwrap());
        let array = |path: PathBuf, name: &str| read_array(&path, name).unwrap().unwrap();
        let depth = format!("depth{}", key["parameters"]["depth"]);
        let features = array(input("features").join("features.safetensors"), &depth);
        let weight = array(artifact.join("classifier.safetensors"), "weight");
        let bias = array(artifact.join("classifier.safetensors"), "bias");
        let (width, classes) = (weight.shape[0], weight.shape[1]);
        assert_eq!((features.shape[1], bias.shape[0]), (width, classes));
        let score = |image: usize, class: usize| {
            let row = &features.values[image * width..(image + 1) * width];
            let products =
                row.iter().enumerate().map(|(i, x)| f64::from(*x) * f64::from(weight.values[i * classes + class]));
            f64::from(bias.values[class]) + products.sum::<f64>()
        };
        let index = json(input("dataset").join("index.json"));
        let names = index["classes"].clone();
        let is_test = index["is_test"].as_array().unwrap();
        let test: Vec<usize> = (0..is_test.len()).filter(|&image| is_test[image] == true).collect();
        assert_eq!(test.len(), 60);
        let reported: Vec<Prediction> = read_rows(&artifact.join("predictions.csv")).unwrap();
        for (&image, reported) in test.iter().zip(&reported) {
            let class = names.as_array().unwrap().iter().position(|name| *name == *reported.predicted).unwrap();
            let best = (0..classes).map(|class| score(image, class)).fold(f64::NEG_INFINITY, f64::max);
            // Scores that differ only by rounding may be in either order.
            assert!(best - score(image, class) <= 1e-5 * (1.0 + best.abs()), "{}", artifact.display());
        }
        let labeled: Vec<LabeledImage> = read_rows(&artifact.join("labeled.csv")).unwrap();
        let metrics = json(artifact.join("metrics.json"));
        assert_eq!(labeled.len() as u64, metrics["labeled"].as_u64().unwrap());
        assert!(
            labeled
                .iter()
                .all(|image| !image.image.is_empty()
                    && names.as_array().unwrap().iter().any(|name| *name == *image.class))
        );
        if artifact.join("regularization.csv").exists() {
            let norm = metrics["gradient_norm"].as_f64().unwrap();
            assert!(!artifact.join("history.csv").exists() && norm <= 1e-7, "{norm}");
            exact += 1;
        } else {
            assert!(metrics["kept"].as_str().unwrap().starts_with("epoch ") && metrics.get("c").is_none());
            with_epochs += 1;
        }
    }
    assert_eq!((exact, with_epochs), (6, 1));
}

#[test]
fn clusters_are_compared_with_classes_in_the_report_and_between_runs() {
    let directory = tempfile::tempdir().unwrap();
    let untrained = "[pretrain.untrained]\naugment = \"views\"\nencoder = { tiny = { width = 0.25 } }\n\
                     projection = { layers = [16, 8] }\noptimizer = { sgd = { learning_rate = 0.05 } }\nepochs = 0\n\
                     batch_size = 24\n[cluster_eval.untrained]\nfrom = \"untrained\"\nsubset = \"all\"\nclusters = 5\n";
    let file = write(directory.path(), &format!("{PIPELINE}\n{untrained}"));
    let output = directory.path().join("out");
    let text = run(&file, &output, &[]);
    assert!(text.contains("NMI 0.") && text.contains("## Clustering"), "{text}");
    let mut counts = Vec::new();
    for artifact in fs::read_dir(output.join("store-v1/cluster_eval")).unwrap().map(|entry| entry.unwrap().path()) {
        let metrics: Value = serde_json::from_slice(&fs::read(artifact.join("metrics.json")).unwrap()).unwrap();
        let rows: Vec<Clustered> = read_rows(&artifact.join("clusters.csv")).unwrap();
        let mut classes: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        rows.iter().for_each(|row| *classes.entry((row.cluster, &row.class)).or_default() += 1);
        let clusters: BTreeSet<usize> = rows.iter().map(|row| row.cluster).collect();
        let most = |cluster: &usize| classes.iter().filter(|((c, _), _)| c == cluster).map(|(_, count)| *count).max();
        let pure: usize = clusters.iter().filter_map(most).sum();
        assert!((metrics["purity"].as_f64().unwrap() - pure as f64 / rows.len() as f64).abs() < 1e-12);
        assert_eq!(metrics["images"].as_u64(), Some(rows.len() as u64));
        assert!(rows.iter().all(|row| !row.image.is_empty()));
        counts.push((rows.len(), clusters.len()));
    }
    counts.sort_unstable();
    assert_eq!(counts, [(60, 3), (60, 3), (180, 5)]);
    let report = output.join("small/report");
    let table = fs::read_to_string(report.join("tables/stage-clustering.csv")).unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains("cluster_eval.untrained,untrained,untrained,h ("), "{table}");
    assert!(fs::read_to_string(report.join("index.html")).unwrap().contains("<section id=\"stage-clustering\">"));

    run(&file, &output, &["--set", "cluster_eval.main.clusters=4"]);
    let printed = |arguments: &[&str]| {
        let printed = simclr().args(arguments).arg("--output").arg(&output).output().unwrap();
        String::from_utf8_lossy(&printed.stdout).into_owned()
    };
    let status: Value = serde_json::from_str(&printed(&["status", "--format", "json"])).unwrap();
    let earlier = status[1]["id"].as_str().unwrap();
    let compared = printed(&["compare", earlier, "latest"]);
    assert!(compared.contains("clusters 3 -> 4") && compared.contains("adjusted_rand"), "{compared}");
}

#[derive(serde::Deserialize)]
struct Clustered {
    image: String,
    class: String,
    cluster: usize,
}

#[derive(serde::Deserialize)]
struct Prediction {
    predicted: String,
}

#[derive(serde::Deserialize)]
struct LabeledImage {
    image: String,
    class: String,
}

#[test]
fn networks_that_are_trained_differently_are_reported_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let undertrained =
        PIPELINE.replace("init_from = \"main\"\n", "").replace("labeled_fraction = 0.5\nepochs = 2", "steps = 1");
    let undertrained = undertrained.replace("epochs = 2\nbatch_size = 24", "epochs = 4\nbatch_size = 24");
    let file = write(directory.path(), &undertrained);
    let output = directory.path().join("out");
    let warning = "`supervised.tuned` with 100 % of the labels trains for 1 step (";
    for command in ["plan", "validate"] {
        let output_of = simclr().arg(command).arg(&file).arg("--output").arg(&output).output().unwrap();
        assert!(output_of.status.success());
        assert!(String::from_utf8_lossy(&output_of.stderr).contains(warning), "{command}");
    }
    let text = run(&file, &output, &[]);
    assert!(text.contains(warning), "{text}");
    let report = fs::read(output.join("small/report/report.json")).unwrap_or_else(|_| {
        let artifact = fs::read_dir(output.join("store-v1/report")).unwrap().next().unwrap().unwrap().path();
        fs::read(artifact.join("report.json")).unwrap()
    });
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert!(report["warnings"][0].as_str().unwrap().contains(warning), "{}", report["warnings"]);
}

#[test]
fn a_sweep_over_seeds_shares_the_images_and_reports_intervals() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), &format!("{PIPELINE}\n[sweep]\nseed = [1, 2]\n"));
    let output = directory.path().join("out");
    let text = run(&file, &output, &[]);
    assert_eq!(fs::read_dir(output.join("store-v1/images")).unwrap().count(), 2, "each part decoded once");
    assert_eq!(fs::read_dir(output.join("store-v1/pretrain")).unwrap().count(), 2);
    assert!(text.contains("seeds"), "{text}");
}

#[test]
fn a_sweep_is_rejected_if_one_combination_does_not_fit_its_images() {
    let directory = tempfile::tempdir().unwrap();
    // Of 120 images, 108 or 60 remain for training: a batch of 100 fits only the first case.
    let sweep = "\n[sweep]\n\"dataset.validation_fraction\" = [0.1, 0.5]\n\"pretrain.main.batch_size\" = ";
    let validate = |batches: &str| {
        let file = write(directory.path(), &format!("{PIPELINE}{sweep}{batches}\n"));
        simclr().arg("validate").arg(file).arg("--output").arg(directory.path()).output().unwrap()
    };
    assert_eq!(validate("[24, 50]").status.code(), Some(0));
    let rejected = validate("[24, 100]");
    assert_eq!(rejected.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&rejected.stderr).contains("100"));
}

#[test]
fn a_broken_image_stops_the_run_before_training_or_is_skipped_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        for subset in ["train", "test"] {
            let class_directory = directory.path().join(subset).join(class);
            fs::create_dir_all(&class_directory).unwrap();
            for number in 0..20_u8 {
                let value = if class == "cat" { number } else { 255 - number };
                image::RgbImage::from_pixel(20, 24, image::Rgb([value; 3]))
                    .save(class_directory.join(format!("{number}.png")))
                    .unwrap();
            }
        }
    }
    fs::write(directory.path().join("train/cat/torn.jpg"), b"\xff\xd8\xff\xe0 torn").unwrap();
    let directories = PIPELINE.replace(
        "source = { shapes = { train = 120, test = 60, classes = 3 } }",
        "source = { image_folder = { train = \"train\", test = \"test\" } }",
    );
    let pipeline = directories.replace("batch_size = 24", "batch_size = 8");
    let file = write(directory.path(), &pipeline);
    let output = directory.path().join("out");
    let stopped = simclr().arg("run").arg(&file).arg("--output").arg(&output).output().unwrap();
    let text = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(3), "{text}");
    assert!(text.contains("torn.jpg") && text.contains("broken_files"), "{text}");
    assert!(!output.join("store-v1/pretrain").exists(), "training began");

    fs::write(&file, pipeline.replace("image_size = 16", "image_size = 16\nbroken_files = \"skip\"")).unwrap();
    run(&file, &output, &[]);
    let page = fs::read_to_string(output.join("small/report/index.html")).unwrap();
    assert!(page.contains("torn.jpg"), "the report does not name the skipped file");

    fs::remove_file(directory.path().join("train/cat/torn.jpg")).unwrap();
    let rgb = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * y) as u8, (7 * x) as u8, (5 * y * y) as u8]));
    let path = directory.path().join("train/cat/hole.jpg");
    rgb.save(&path).unwrap();
    let mut jpeg = fs::read(&path).unwrap();
    let middle = jpeg.len() / 2;
    jpeg[middle..middle + 300].fill(0);
    fs::write(&path, jpeg).unwrap();
    fs::write(&file, pipeline.replace("image_size = 16", "image_size = 16\ndamaged_jpegs = \"accept\"")).unwrap();
    run(&file, &output, &[]);
    let page = fs::read_to_string(output.join("small/report/index.html")).unwrap();
    assert!(
        page.contains("1 JPEG is damaged") && page.contains("hole.jpg"),
        "the report does not name the damaged JPEG"
    );
}

#[test]
fn divergence_names_step_and_learning_rate() {
    let directory = tempfile::tempdir().unwrap();
    let text = PIPELINE.replace("learning_rate = 0.05", "learning_rate = 1e30");
    let run =
        simclr().arg("run").arg(write(directory.path(), &text)).arg("--output").arg(directory.path()).output().unwrap();
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(3), "{text}");
    assert!(text.contains("diverged") && text.contains("learning rate"), "{text}");
}

#[test]
fn a_run_that_keeps_going_ends_with_code_5_and_a_report_that_shows_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let sweep = "\n[sweep]\n\"pretrain.main.optimizer.sgd.learning_rate\" = [1e30, 0.05]\n";
    let file = write(directory.path(), &format!("{PIPELINE}{sweep}"));
    let output = directory.path().join("out");
    let started = |more: &[&str]| {
        let run = simclr().arg("run").arg(&file).arg("--output").arg(&output).args(more).output().unwrap();
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        (run.status.code(), text)
    };
    let (code, text) = started(&["--keep-going", "--jobs", "2", "--watch"]);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("training diverged") && text.contains("failed 1"), "{text}");
    assert!(text.contains("missing"), "the table of results does not show what is missing: {text}");
    let page = fs::read_to_string(output.join("small/report/index.html")).unwrap();
    assert!(page.contains("id=\"failures\"") && page.contains("training diverged"));
    let live = fs::read_to_string(output.join("runs/small/latest/live.html")).unwrap();
    assert!(live.contains("open the report") && !live.contains("http-equiv=\"refresh\""), "it links to the report");
    // The linear evaluations of the learning rate that works have results.
    let table = fs::read_to_string(output.join("small/report/results.md")).unwrap();
    assert!(table.lines().any(|line| line.contains("0.05") && line.contains(" % |")), "{table}");
    assert_eq!(started(&[]).0, Some(3), "without --keep-going a failure ends the run");
}

#[test]
fn concurrent_stages_give_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), PIPELINE);
    let (one, three) = (directory.path().join("one"), directory.path().join("three"));
    run(&file, &one, &[]);
    run(&file, &three, &["--jobs", "3"]);
    assert!(artifacts(&one) == artifacts(&three));
}

/// Creates images in class directories below `root/data`, and a study of them in `root/study.toml`.
fn study_of_images(root: &Path, text: &str) -> PathBuf {
    for (class, base) in [("cat", 0_u8), ("dog", 120)] {
        let class_directory = root.join("data/train").join(class);
        fs::create_dir_all(&class_directory).unwrap();
        for number in 0..24_u8 {
            let color = image::Rgb([base + number, 255 - base, 3 * number]);
            image::RgbImage::from_pixel(20, 18, color).save(class_directory.join(format!("{number}.png"))).unwrap();
        }
    }
    let file = root.join("study.toml");
    fs::write(&file, text).unwrap();
    file
}

const OF_IMAGES: &str = r#"
[dataset]
source = { image_folder = { train = "data/train" } }
image_size = 8

[augment.views]
ops = [{ horizontal_flip = { p = 0.5 } }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
epochs = 1
batch_size = 8

[knn_eval.main]
from = "main"
k = 3
"#;

#[test]
fn irrelevant_changes_keep_every_key_and_a_changed_image_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("out");
    let first = study_of_images(&directory.path().join("first"), OF_IMAGES);
    run(&first, &output, &[]);
    // Another directory, later times, other threads and jobs, comments, spacing, order of sections and keys.
    let (top, rest) = OF_IMAGES.split_once("[augment.views]").unwrap();
    let reordered = format!("# moved\n[augment.views]   # first\n{rest}\n{top}")
        .replace("{ learning_rate = 0.05, momentum = 0.9 }", "{ momentum = 0.9,   learning_rate = 0.05 }");
    let second = study_of_images(&directory.path().join("second"), &reordered);
    let again = run(&second, &output, &["--threads", "1", "--jobs", "2"]);
    assert!(again.contains("computed 0"), "{again}");

    let changed = directory.path().join("second/data/train/dog/7.png");
    image::RgbImage::from_pixel(20, 18, image::Rgb([1, 2, 3])).save(&changed).unwrap();
    let plan = simclr().arg("plan").arg(&second).arg("--output").arg(&output).output().unwrap();
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("1 file changed: train/dog/7.png"), "{plan}");
    assert!(run(&second, &output, &[]).contains("cached 0"), "every stage depends on the images");
}
