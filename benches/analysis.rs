//! Run times of the parts of a study other than training: t-SNE, kNN, decoding the images of the directory in the
//! environment variable IMAGES, and the exact linear evaluations of a finished study in the output directory in OUTPUTS
//! (`cargo bench --bench analysis -- tsne`, `knn`, `decode` or `linear`; all of them without a name).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic and prints its results")]

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use simclr::analysis::{FeatureMatrix, KnnConfig, TsneConfig, knn, tsne};
use simclr::base::rng;
use simclr::dataset::{ImageDataset, Split, decode};
use simclr::imaging::{Image, decode_into};
use simclr::stages;
use simclr::stages::artifacts::{read_json, read_rows};
use simclr::train::Standardizer;
use simclr::train::logistic::{LogisticProblem, Selection, solve_path};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

const CLUSTERS: usize = 10;

/// Ten clusters in `width` dimensions, with centers and points sampled from standard normal distributions.
fn clusters(rows: usize, width: usize) -> Vec<f32> {
    let mut random = rng::stream(1, "bench", &[]);
    let centers: Vec<f32> = (0..CLUSTERS * width).map(|_| rng::normal(&mut random)).collect();
    let center = |i: usize| centers[(i / width % CLUSTERS) * width + i % width];
    (0..rows * width).map(|i| rng::normal(&mut random) + center(i)).collect()
}

/// Prints the median time of several runs, in seconds; dropping the result of `work` is not timed.
fn report<T>(name: &str, runs: usize, mut work: impl FnMut() -> T) {
    let mut time = || {
        let start = Instant::now();
        let _result = work();
        start.elapsed().as_secs_f64()
    };
    let mut seconds: Vec<f64> = (0..runs).map(|_| time()).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    println!("{name}: {:.3} s (median of {runs})", seconds[runs / 2]);
}

fn time_tsne(rows: usize, width: usize, runs: usize) {
    let values = clusters(rows, width);
    let config = TsneConfig { perplexity: 30.0, iterations: 1000 };
    report(&format!("tsne {rows}x{width}"), runs, || {
        black_box(tsne(FeatureMatrix::new(rows, width, &values), &config, 1, &|_, _| {}).unwrap());
    });
}

fn time_knn(rows: usize, width: usize) {
    let values = clusters(rows, width);
    let labels: Vec<usize> = (0..rows).map(|row| row % CLUSTERS).collect();
    let features = FeatureMatrix::new(rows, width, &values);
    let config = KnnConfig::default();
    report(&format!("knn {rows}x{rows}x{width}"), 3, || {
        black_box(knn(&config, features, &labels, features, CLUSTERS));
    });
}

fn time_decoding(directory: &str) {
    let toml = format!("source = {{ prefixed = {{ train = {directory:?} }} }}\nimage_size = 224\nstored_size = 256");
    let config = toml::from_str(&toml).unwrap();
    report("decode", 3, || {
        let output = tempfile::tempdir().unwrap();
        black_box(decode(&config, 1, output.path(), &|_, _| {}, &|| Ok(())).unwrap());
        output // not removed while the time is measured
    });
}

/// Decodes the images without storing them, as a loader that decodes in every epoch does.
fn time_reading(directory: &str) {
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    report("decode without writing", 5, || {
        files.par_iter().for_each_init(Image::default, |image, file| {
            decode_into(&std::fs::read(file).unwrap(), image).unwrap();
            black_box(&image);
        });
    });
}

/// Times the regularization path over C of each exact linear evaluation, from features in memory to the chosen
/// classifier; the same work as in `benches/linear_eval/compare.py`.
fn time_linear_evaluations(outputs: &str) {
    let store = Path::new(outputs).join("store-v1");
    let mut artifacts: Vec<PathBuf> =
        std::fs::read_dir(store.join("linear_eval")).unwrap().map(|entry| entry.unwrap().path()).collect();
    artifacts.sort();
    for artifact in artifacts.iter().filter(|artifact| artifact.join("regularization.csv").exists()) {
        let key: Value = read_json(&artifact.join("key.json")).unwrap();
        let (parameters, inputs) = (&key["parameters"], &key["inputs"]);
        let input = |role: &str| store.join(role).join(inputs[role].as_str().unwrap());
        let depth = parameters["depth"].as_u64().unwrap() as usize;
        let [train, test] =
            ["train_images", "test_images"].map(|role| store.join("images").join(inputs[role].as_str().unwrap()));
        let set = ImageDataset::labeled(&input("dataset"), &train, &test).unwrap();
        let features = stages::pretrain::Features::read(&input("features"), depth, set.len()).unwrap();
        let split: Split = read_json(&input("split").join("split.json")).unwrap();
        let labeled: Vec<LabeledImage> = read_rows(&artifact.join("labeled.csv")).unwrap();
        let labeled: Vec<usize> = labeled.iter().map(|image| image.row).collect();
        let labels = |images: &[usize]| images.iter().map(|&image| set.label(image)).collect::<Vec<_>>();
        let (rows, chosen_on) = (features.rows(&labeled), features.rows(&split.validation));
        let (labels, chosen_labels, classes) = (labels(&labeled), labels(&split.validation), set.classes().len());
        let grid: Vec<f64> = serde_json::from_value(parameters["training"]["lbfgs"]["c"].clone()).unwrap();
        let name = format!("linear {} depth {depth}, {} labels", inputs["features"].as_str().unwrap(), labels.len());
        report(&name, 3, || {
            let standardizer = Standardizer::fit(features.view(&rows));
            let problem = LogisticProblem::new(features.view(&rows), &labels, classes, &standardizer).unwrap();
            let selection = Selection { features: features.view(&chosen_on), labels: &chosen_labels };
            solve_path(&problem, &grid, selection, &|| Ok(())).unwrap()
        });
    }
}

#[derive(Deserialize)]
struct LabeledImage {
    row: usize,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str()));
    if is_wanted("tsne") {
        time_tsne(1250, 2048, 3);
        time_tsne(10_000, 512, 1);
    }
    if is_wanted("knn") {
        time_knn(10_000, 512);
    }
    if let (true, Ok(outputs)) = (is_wanted("linear"), std::env::var("OUTPUTS")) {
        time_linear_evaluations(&outputs);
    }
    if let (true, Ok(directory)) = (is_wanted("decode"), std::env::var("IMAGES")) {
        time_decoding(&directory);
        time_reading(&directory);
    }
}
