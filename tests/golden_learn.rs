//! Losses, optimizers, schedules and analysis against PyTorch, scikit-learn and SciPy (golden values from the scripts
//! in `tests/golden`), and on one thread against two.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use dfdx::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;
use simclr::analysis::{
    Confusion, FeatureMatrix, KnnConfig, TsneConfig, health, knn, mean_interval, principal_components, tsne,
    tsne_divergence, wilson_interval,
};
use simclr::loss::{NtXentConfig, cross_entropy, nt_xent, nt_xent_chance};
use simclr::nn::{Role, Trainable};
use simclr::optim::{Optimize, Optimizer, OptimizerConfig, Schedule, ScheduleConfig, clip_gradients};
use simclr::train::{Monitor, Patience, SoftmaxJob, StoppingRule, train_softmax};

const TOLERANCE: f64 = 1e-4;

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn get<T: DeserializeOwned>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// Asserts that all differences, relative to the largest expected value, are within the tolerance.
fn assert_near(what: &str, got: &[f32], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    for (i, (&got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs();
        assert!(error <= TOLERANCE * largest, "{what}: value {i} is {got}, expected {expected}, largest {largest}");
    }
}

fn assert_close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance * expected.abs(), "{what}: {got}, expected {expected}");
}

/// Asserts that the result is bitwise the same on one and on two threads.
fn assert_same_on_two_threads<T: PartialEq + Send>(work: impl Fn() -> T + Send + Sync) {
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work);
    assert!(on(1) == on(2));
}

fn noise(seed: u64, length: usize) -> Vec<f32> {
    let mut random = simclr::base::rng::stream(seed, "test", &[]);
    (0..length).map(|_| simclr::base::rng::normal(&mut random)).collect()
}

fn matrix(rows: usize, columns: usize, values: Vec<f32>) -> Tensor<(usize, usize), f32, Cpu> {
    Cpu::default().tensor_from_vec(values, (rows, columns))
}

#[test]
fn nt_xent_value_and_gradient() {
    let cases = golden("nt_xent");
    for case in cases.as_array().unwrap() {
        let config = NtXentConfig { temperature: get(case, "temperature"), similarity: get(case, "similarity") };
        let what = format!("{config:?}, {} rows", case["rows"]);
        let z = matrix(get(case, "rows"), get(case, "width"), get(case, "z"));
        let output = nt_xent(z.leaky_trace(), &config).unwrap();
        let loss: f64 = get(case, "loss");
        // A loss near 0 is a difference of large numbers, so its error is absolute.
        let error = (f64::from(output.loss.array()) - loss).abs();
        assert!(error <= TOLERANCE * loss.max(1e-2), "{what}: {}, expected {loss}", output.loss.array());
        assert_eq!(output.accuracy, get::<f32>(case, "accuracy"), "{what}");
        assert_near(&what, &output.loss.backward().get(&z).as_vec(), &get::<Vec<f64>>(case, "gradient"));
    }
}

#[test]
fn nt_xent_gradient_scales_and_accumulates() {
    let config = NtXentConfig { temperature: 0.5, similarity: Default::default() };
    let z = matrix(6, 4, noise(1, 24));
    let once = nt_xent(z.leaky_trace(), &config).unwrap().loss.backward().get(&z).as_vec();
    let twice = nt_xent(z.leaky_trace(), &config).unwrap().loss + nt_xent(z.leaky_trace(), &config).unwrap().loss * 2.0;
    for (three, one) in twice.backward().get(&z).as_vec().iter().zip(&once) {
        assert!((three - 3.0 * one).abs() < 1e-6);
    }
}

#[test]
fn nt_xent_gradient_matches_finite_differences() {
    for similarity in [simclr::loss::Similarity::Cosine, simclr::loss::Similarity::Dot] {
        let config = NtXentConfig { temperature: 0.7, similarity };
        let values = noise(2, 30);
        let loss = |values: &[f32]| nt_xent(matrix(6, 5, values.to_vec()).leaky_trace(), &config).unwrap().loss.array();
        let z = matrix(6, 5, values.clone());
        let gradient = nt_xent(z.leaky_trace(), &config).unwrap().loss.backward().get(&z).as_vec();
        for i in 0..values.len() {
            let at = |shift: f32| {
                let mut moved = values.clone();
                moved[i] += shift;
                loss(&moved)
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - gradient[i]).abs() < 2e-3, "{similarity:?} {i}: {slope} {}", gradient[i]);
        }
    }
}

#[test]
fn nt_xent_of_a_collapsed_network_is_chance_and_of_nan_is_nan() {
    let config = NtXentConfig { temperature: 0.1, similarity: Default::default() };
    let output = nt_xent(matrix(128, 3, vec![0.5; 384]).leaky_trace(), &config).unwrap();
    assert_close("chance", f64::from(output.loss.array()), nt_xent_chance(64), 1e-5);
    assert_close("chance in the W&B report", nt_xent_chance(64), 4.844, 1e-4);
    assert_eq!(output.accuracy, 0.0);
    let zeros = nt_xent(matrix(4, 3, vec![0.0; 12]).leaky_trace(), &config).unwrap();
    assert_close("zero vectors", f64::from(zeros.loss.array()), nt_xent_chance(2), 1e-5);
    let nan = nt_xent(matrix(4, 3, vec![f32::NAN; 12]).leaky_trace(), &config).unwrap();
    assert!(nan.loss.array().is_nan());
    assert!(nt_xent(matrix(3, 3, vec![0.0; 9]).leaky_trace(), &config).is_err());
}

#[test]
fn cross_entropy_value_and_gradient() {
    for case in golden("cross_entropy").as_array().unwrap() {
        let logits = matrix(get(case, "rows"), get(case, "classes"), get(case, "logits"));
        let labels: Vec<usize> = get(case, "labels");
        let (loss, accuracy) = cross_entropy(logits.leaky_trace(), &labels).unwrap();
        assert_close("loss", f64::from(loss.array()), get(case, "loss"), TOLERANCE);
        assert_eq!(accuracy, get::<f32>(case, "accuracy"));
        assert_near("gradient", &loss.backward().get(&logits).as_vec(), &get::<Vec<f64>>(case, "gradient"));
    }
    assert!(cross_entropy(matrix(1, 2, vec![0.0; 2]).leaky_trace(), &[2]).is_err());
}

fn role(name: &str) -> Role {
    match name {
        "weight" => Role::Weight,
        "bias" => Role::Bias,
        "norm_scale" => Role::NormScale,
        "norm_shift" => Role::NormShift,
        _ => panic!("role {name}"),
    }
}

/// Combines values, gradients and roles into the parameters of an optimizer.
fn trainables<'a>(
    values: &'a mut [Vec<f32>],
    gradients: &'a mut [Vec<f32>],
    roles: &[String],
) -> Vec<Trainable<'a, Vec<f32>>> {
    let pairs = values.iter_mut().zip(gradients.iter_mut()).zip(roles);
    pairs.map(|((values, gradient), name)| Trainable { values, gradient, role: role(name) }).collect()
}

#[test]
fn optimizers_over_several_steps() {
    let device = Cpu::default();
    let file = golden("optim");
    let roles: Vec<String> = get(&file, "roles");
    let rates: Vec<f64> = get(&file, "rates");
    for case in file["cases"].as_array().unwrap() {
        let config: OptimizerConfig = get(case, "optimizer");
        let factor: f64 = get(case, "factor");
        let mut values: Vec<Vec<f32>> = get(&file, "start");
        let mut gradients: Vec<Vec<Vec<f32>>> = get(&file, "gradients");
        let lengths: Vec<usize> = values.iter().map(Vec::len).collect();
        let mut optimizer = Optimizer::new(&config);
        for (step, gradients) in gradients.iter_mut().enumerate() {
            optimizer.step(&device, &mut trainables(&mut values, gradients, &roles), factor * rates[step]).unwrap();
            // Resume from the optimizer state after every step.
            let (steps, state) = optimizer.state();
            let mut restored = Optimizer::new(&config);
            restored.restore(&device, steps, state.to_vec(), &lengths).unwrap();
            optimizer = restored;
        }
        let after: Vec<Vec<f64>> = get(case, "after");
        for (i, after) in after.iter().enumerate() {
            assert_near(&format!("{config:?}, parameter {i}"), &values[i], after);
        }
        assert!(optimizer.restore(&device, 3, vec![vec![0.0; 2]], &lengths).is_err());
    }
}

#[test]
fn gradients_are_clipped() {
    let device = Cpu::default();
    let file = golden("optim");
    let roles: Vec<String> = get(&file, "roles");
    for case in file["clips"].as_array().unwrap() {
        let mut values: Vec<Vec<f32>> = get(&file, "start");
        let mut gradients: Vec<Vec<f32>> = get::<Vec<Vec<Vec<f32>>>>(&file, "gradients").swap_remove(0);
        let mut parameters = trainables(&mut values, &mut gradients, &roles);
        let norm = device.gradient_norm(&parameters).unwrap();
        assert_close("norm", norm, get(case, "norm"), 1e-6);
        clip_gradients(&device, &mut parameters, norm, get(case, "most")).unwrap();
        for (got, expected) in gradients.iter().zip(&get::<Vec<Vec<f64>>>(case, "after")) {
            assert_near("clipped", got, expected);
        }
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let (mut values, mut gradient) = (vec![0.0; 2], vec![1.0, bad]);
        let parameter = Trainable { values: &mut values, gradient: &mut gradient, role: Role::Bias };
        assert!(!device.gradient_norm(&[parameter]).unwrap().is_finite());
    }
}

#[test]
fn schedules() {
    for case in golden("schedules").as_array().unwrap() {
        let config: ScheduleConfig = get(case, "schedule");
        let schedule = Schedule::new(&config, get(case, "peak"), get(case, "steps_per_epoch"), get(case, "epochs"));
        for (step, expected) in get::<Vec<f64>>(case, "rates").into_iter().enumerate() {
            let got = schedule.learning_rate(step as u64);
            assert!((got - expected).abs() < 1e-9, "{config:?}, step {step}: {got}, expected {expected}");
        }
    }
}

#[test]
fn the_schedule_of_the_wandb_report_is_zero_from_step_1000() {
    let config: ScheduleConfig = serde_json::from_str(r#"{"cosine": {"steps": 1000}}"#).unwrap();
    let schedule = Schedule::new(&config, 0.1, 19, 200);
    assert_eq!(schedule.learning_rate(0), 0.1);
    assert!(schedule.learning_rate(999) > 0.0);
    assert!((1000..3800).all(|step| schedule.learning_rate(step) == 0.0));
}

#[test]
fn nearest_neighbors() {
    for case in golden("knn").as_array().unwrap() {
        let (train, test): (Vec<f32>, Vec<f32>) = (get(case, "train"), get(case, "test"));
        let (config, width): (KnnConfig, usize) = (get(case, "knn"), get(case, "width"));
        let train = FeatureMatrix::new(get(case, "train_rows"), width, &train);
        let test = FeatureMatrix::new(get(case, "test_rows"), width, &test);
        let found = knn(&config, train, &get::<Vec<usize>>(case, "labels"), test, get(case, "classes"));
        assert_near("scores", &found.scores, &get::<Vec<f64>>(case, "scores"));
        assert_eq!(found.predictions, get::<Vec<usize>>(case, "predictions"));
    }
}

#[test]
fn ties_between_neighbors_and_classes_go_to_the_first() {
    let config = KnnConfig { k: 2, temperature: 0.001 };
    let train = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0];
    let found = knn(&config, FeatureMatrix::new(3, 2, &train), &[2, 1, 1], FeatureMatrix::new(1, 2, &[1.0, 0.0]), 3);
    assert_eq!(found.predictions, [1]);
    assert_eq!(found.scores, [0.0, 0.5, 0.5]);
}

#[test]
fn principal_components_match_scikit_learn() {
    for case in golden("analysis")["pca"].as_array().unwrap() {
        let values: Vec<f32> = get(case, "features");
        let count: usize = get(case, "count");
        let found = principal_components(FeatureMatrix::new(get(case, "rows"), get(case, "width"), &values), count);
        assert_near("points", &found.points, &get::<Vec<f64>>(case, "points"));
        for (what, got) in [("variance", &found.explained_variance), ("ratio", &found.explained_variance_ratio)] {
            for (got, expected) in got.iter().zip(get::<Vec<f64>>(case, what)) {
                assert_close(what, *got, expected, 1e-6);
            }
        }
    }
}

#[test]
fn subspace_iteration_matches_the_full_decomposition() {
    // With 300 columns, few components use subspace iteration and all components the full decomposition.
    let (rows, width, count) = (400, 300, 5);
    let values = noise(3, rows * width);
    let scaled = |i: usize| values[i] * 4.0 / (1.0 + (i % width) as f32).sqrt();
    let values: Vec<f32> = (0..rows * width).map(scaled).collect();
    let few = principal_components(FeatureMatrix::new(rows, width, &values), count);
    let all = principal_components(FeatureMatrix::new(rows, width, &values), width);
    for (few, all) in few.points.chunks(count).zip(all.points.chunks(width)) {
        for (few, all) in few.iter().zip(all) {
            assert!((few - all).abs() < 1e-4, "{few} {all}");
        }
    }
    let total: f64 = all.explained_variance_ratio.iter().sum();
    assert_close("total variance", total, 1.0, 1e-9);
}

#[test]
fn principal_components_of_noise_and_of_low_rank_features() {
    // A spectrum without a gap; a matrix of rank 3.
    let (rows, width, count) = (300, 280, 20);
    let (left, right) = (noise(11, rows * 3), noise(12, 3 * width));
    let low_rank = (0..rows * width)
        .map(|i| (0..3).map(|k| left[i / width * 3 + k] * right[k * width + i % width]).sum())
        .collect();
    for values in [noise(13, rows * width), low_rank] {
        let features = FeatureMatrix::new(rows, width, &values);
        let (few, all) = (principal_components(features, count), principal_components(features, width));
        for k in 0..count {
            let (got, expected) = (few.explained_variance[k], all.explained_variance[k]);
            assert!((got - expected).abs() < 1e-9 * all.explained_variance[0], "{k}: {got} {expected}");
            // The columns of the points are orthogonal, with squared norms given by the variance.
            let product = |j: usize| -> f64 {
                few.points.chunks(count).map(|row| f64::from(row[k]) * f64::from(row[j])).sum::<f64>()
            };
            for j in 0..count {
                let expected = if j == k { got * (rows - 1) as f64 } else { 0.0 };
                let allowed = 1e-6 * all.explained_variance[0] * rows as f64;
                assert!((product(j) - expected).abs() < allowed, "{j} {k}: {} {expected}", product(j));
            }
        }
    }
}

#[test]
fn missing_principal_components_are_zero() {
    let found = principal_components(FeatureMatrix::new(3, 2, &[1.0; 6]), 4);
    assert_eq!((found.points, found.explained_variance), (vec![0.0; 12], vec![0.0; 4]));
    let nan = principal_components(FeatureMatrix::new(3, 2, &[f32::NAN; 6]), 1);
    assert!(nan.points.iter().all(|x| x.is_nan()));
    assert!(principal_components(FeatureMatrix::new(0, 5, &[]), 2).points.is_empty());
}

/// Returns scikit-learn's trustworthiness with 10 neighbors: it penalizes near neighbors in the plane that are far in
/// feature space.
fn trustworthiness(features: &[f32], width: usize, points: &[f32]) -> f64 {
    const NEIGHBORS: usize = 10;
    let rows = points.len() / 2;
    let order = |table: &[f32], width: usize, i: usize| {
        let row = |j: usize| &table[j * width..(j + 1) * width];
        let distance = |j: usize| row(i).iter().zip(row(j)).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let mut others: Vec<usize> = (0..rows).filter(|&j| j != i).collect();
        others.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        others
    };
    let penalty = |i: usize| {
        let far = order(features, width, i);
        let rank = |j: usize| far.iter().position(|&other| other == j).unwrap() + 1;
        let near = order(points, 2, i);
        near[..NEIGHBORS].iter().map(|&j| rank(j).saturating_sub(NEIGHBORS)).sum::<usize>() as f64
    };
    let (n, k) = (rows as f64, NEIGHBORS as f64);
    1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * (0..rows).map(penalty).sum::<f64>()
}

#[test]
fn first_steps_of_tsne_match_scikit_learn() {
    let file = golden("analysis");
    let case = &file["tsne"];
    let values: Vec<f32> = get(case, "features");
    let features = FeatureMatrix::new(get(case, "rows"), get(case, "width"), &values);
    for run in case["first_steps"].as_array().unwrap() {
        let config = TsneConfig { perplexity: get(run, "perplexity"), iterations: get(run, "steps") };
        let expected: Vec<f64> = get(run, "points");
        let points = tsne(features, &config, 1, &|_, _| {}).unwrap();
        let square = |x: f64| x * x;
        let error: f64 = points.iter().zip(&expected).map(|(&got, expected)| square(f64::from(got) - expected)).sum();
        let norm: f64 = expected.iter().map(|&x| square(x)).sum();
        // Theirs is exact and ours approximates distant groups; differences grow to order 1 within a few more steps.
        assert!((error / norm).sqrt() < 0.01, "{config:?}: off by {}", (error / norm).sqrt());
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn tsne_reaches_the_divergence_of_scikit_learn() {
    let file = golden("analysis");
    let case = &file["tsne"];
    let (values, width): (Vec<f32>, usize) = (get(case, "features"), get(case, "width"));
    let features = FeatureMatrix::new(get(case, "rows"), width, &values);
    for run in case["runs"].as_array().unwrap() {
        let config = TsneConfig { perplexity: get(run, "perplexity"), iterations: 1000 };
        let divergences: Vec<f64> = get(run, "divergences");
        // Our divergence of scikit-learn's points equals scikit-learn's, so both measure the same.
        let same = tsne_divergence(features, &config, &get::<Vec<f32>>(run, "points")).unwrap();
        assert_close("divergence of the same points", same, divergences[divergences.len() - 1], 0.02);
        // Tiny perturbations lead to different embeddings, so medians over several runs are compared.
        let (ours, trust): (Vec<f64>, Vec<f64>) = (0..7)
            .map(|seed| {
                let moved: Vec<f32> =
                    values.iter().zip(noise(200 + seed, values.len())).map(|(x, n)| x * (1.0 + 1e-4 * n)).collect();
                let features = FeatureMatrix::new(features.rows, width, &moved);
                let points = tsne(features, &config, 1, &|_, _| {}).unwrap();
                let divergence = tsne_divergence(features, &config, &points).unwrap();
                (divergence, trustworthiness(&moved, width, &points))
            })
            .unzip();
        let (ours, theirs) = (median(ours), median(divergences));
        assert!((ours / theirs - 1.0).abs() < 0.03, "{config:?}: divergence {ours}, scikit-learn {theirs}");
        let (trust, their_trust) = (median(trust), get::<f64>(run, "trustworthiness"));
        assert!((trust - their_trust).abs() < 2e-3, "{config:?}: trustworthiness {trust}, scikit-learn {their_trust}");
    }
}

#[test]
fn tsne_accepts_extreme_features_and_rejects_invalid_ones() {
    let config = |perplexity| TsneConfig { perplexity, iterations: 20 };
    let values = noise(4, 12 * 60);
    let error = tsne(FeatureMatrix::new(12, 60, &values), &config(12.0), 1, &|_, _| {}).unwrap_err();
    assert!(error.what().contains("perplexity 12") && error.next_step().is_some());
    assert!(tsne(FeatureMatrix::new(0, 3, &[]), &config(2.0), 1, &|_, _| {}).is_err());
    assert!(tsne(FeatureMatrix::new(9, 1, &[f32::NAN; 9]), &config(2.0), 1, &|_, _| {}).is_err());
    // Wide, narrow, collapsed.
    for (width, values) in [(60, &values[..]), (1, &values[..12]), (2, &[0.5; 24][..])] {
        let steps = std::cell::RefCell::new(Vec::new());
        let points = tsne(FeatureMatrix::new(12, width, values), &config(3.0), 1, &|done, of| {
            steps.borrow_mut().push((done, of))
        });
        assert!(points.unwrap().iter().all(|x| x.is_finite()));
        assert_eq!(*steps.borrow(), (1..=20).map(|done| (done, 20)).collect::<Vec<_>>());
    }
}

#[test]
fn health_matches_the_reference() {
    let file = golden("analysis");
    let case = &file["health"];
    let (rows, width) = (get(case, "rows"), get(case, "width"));
    let (first, second): (Vec<f32>, Vec<f32>) = (get(case, "first"), get(case, "second"));
    let found = health(FeatureMatrix::new(rows, width, &first), FeatureMatrix::new(rows, width, &second));
    assert_close("alignment", found.alignment, get(case, "alignment"), 1e-6);
    assert_close("uniformity", found.uniformity, get(case, "uniformity"), 1e-6);
    assert_close("embedding_std", found.embedding_std, get(case, "embedding_std"), 1e-6);
    assert_close("effective_rank", found.effective_rank, get(case, "effective_rank"), 1e-6);
    let collapsed = vec![0.3; 40 * 8];
    let found = health(FeatureMatrix::new(40, 8, &collapsed), FeatureMatrix::new(40, 8, &collapsed));
    assert!(found.alignment == 0.0 && found.uniformity.abs() < 1e-6 && found.embedding_std < 1e-6);
    assert_close("rank of a collapsed representation", found.effective_rank, 1.0, 1e-4);
}

#[test]
fn intervals_match_scipy() {
    let file = golden("analysis");
    for case in file["wilson"].as_array().unwrap() {
        let (low, high) = wilson_interval(get(case, "correct"), get(case, "total"));
        assert!((low - get::<f64>(case, "low")).abs() < 1e-9 && (high - get::<f64>(case, "high")).abs() < 1e-9);
    }
    for case in file["mean"].as_array().unwrap() {
        let (mean, half) = mean_interval(&get::<Vec<f64>>(case, "values"));
        assert_close("mean", mean, get(case, "mean"), 1e-12);
        assert_close("half-width", half, get(case, "half"), TOLERANCE);
    }
    assert!(mean_interval(&[0.5]).0 == 0.5 && mean_interval(&[0.5]).1.is_nan());
    assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
}

#[test]
fn confusion_matches_scikit_learn() {
    let file = golden("analysis");
    let case = &file["confusion"];
    let (labels, predictions): (Vec<usize>, Vec<usize>) = (get(case, "labels"), get(case, "predictions"));
    let found = Confusion::from_predictions(&labels, &predictions, get(case, "classes"));
    assert_eq!(found.counts, get::<Vec<usize>>(case, "counts"));
    assert_close("accuracy", found.accuracy(), get(case, "accuracy"), 1e-12);
    for (got, expected) in found.per_class_accuracy().iter().zip(get::<Vec<f64>>(case, "recall")) {
        assert_close("recall", *got, expected, 1e-12);
    }
}

/// Returns features of `rows` images in `classes` clusters, and their labels.
fn clusters(seed: u64, rows: usize, width: usize, classes: usize) -> (Vec<f32>, Vec<usize>) {
    let centers = noise(100, classes * width);
    let labels: Vec<usize> = (0..rows).map(|i| i % classes).collect();
    let values = noise(seed, rows * width);
    let at = |i: usize| values[i] + 1.2 * centers[labels[i / width] * width + i % width];
    ((0..rows * width).map(at).collect(), labels)
}

#[test]
fn softmax_training_stops_early_and_keeps_the_best_epoch() {
    let (features, labels) = clusters(5, 120, 16, 4);
    let (selection, selection_labels) = clusters(6, 80, 16, 4);
    let optimizer: OptimizerConfig = serde_json::from_str(r#"{"adam": {"learning_rate": 0.05}}"#).unwrap();
    let schedule: ScheduleConfig = serde_json::from_str(r#"{"constant": {}}"#).unwrap();
    let job = SoftmaxJob {
        features: FeatureMatrix::new(120, 16, &features),
        labels: &labels,
        selection_features: FeatureMatrix::new(80, 16, &selection),
        selection_labels: &selection_labels,
        classes: 4,
        optimizer: &optimizer,
        schedule: &schedule,
        epochs: 200,
        batch_size: 50,
        stopping: Some(StoppingRule { monitor: Monitor::Loss, patience: Patience::Epochs(3) }),
        seed: 1,
    };
    let (classifier, records, best) = train_softmax(&job).unwrap();
    let (loss, accuracy) = classifier.evaluate(job.selection_features, &selection_labels);
    let kept = &records[best - 1];
    assert_eq!((Some(loss), Some(accuracy)), (kept.selection_loss, kept.selection_accuracy));
    assert!(accuracy > 0.9, "{accuracy}");
    let early_records = records.clone();
    assert!(records.len() < 200 && records.len() == best + 3, "{} epochs, best {best}", records.len());
    assert!(records.iter().all(|record| record.selection_loss >= Some(loss)));
    assert!(classifier.probabilities(job.features).chunks(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));

    assert_same_on_two_threads(|| train_softmax(&job).unwrap());
    assert!(train_softmax(&SoftmaxJob { seed: 2, ..job }).unwrap().1 != records);

    let hot: OptimizerConfig = serde_json::from_str(r#"{"sgd": {"learning_rate": 1e38}}"#).unwrap();
    let error = train_softmax(&SoftmaxJob { optimizer: &hot, ..job }).unwrap_err();
    assert!(error.what().contains("step") && error.what().contains("learning rate 1e38"), "{error}");
    let none = FeatureMatrix::new(0, 16, &[]);
    let all = SoftmaxJob { selection_features: none, selection_labels: &[], epochs: 7, ..job };
    let (last, records, best) = train_softmax(&all).unwrap();
    assert_eq!((records.len(), best), (7, 7), "without selection images the last epoch is kept");
    assert!(last.evaluate(job.features, &labels).1 > 0.9);
    assert!(train_softmax(&SoftmaxJob { features: none, labels: &[], ..job }).is_err());

    // Without early stopping the last weights are kept, even if earlier ones had a lower selection loss.
    let full = SoftmaxJob { stopping: None, epochs: early_records.len() + 20, ..job };
    let (last, records, kept) = train_softmax(&full).unwrap();
    assert_eq!((records.len(), kept), (full.epochs, full.epochs));
    assert_eq!(
        records.last().unwrap().selection_loss,
        Some(last.evaluate(job.selection_features, &selection_labels).0)
    );
}

#[test]
fn the_loss_does_not_depend_on_the_number_of_threads() {
    for (rows, width) in [(6, 5), (258, 128)] {
        let values = noise(7, rows * width);
        let config = NtXentConfig { temperature: 0.1, similarity: Default::default() };
        assert_same_on_two_threads(|| {
            let z = matrix(rows, width, values.clone());
            let loss = nt_xent(z.leaky_trace(), &config).unwrap().loss;
            (loss.array(), loss.backward().get(&z).as_vec())
        });
    }
}

#[test]
fn optimizers_do_not_depend_on_the_number_of_threads() {
    let device = Cpu::default();
    let start = noise(8, 100_000);
    for config in [
        r#"{"sgd": {"learning_rate": 0.1, "momentum": 0.9}}"#,
        r#"{"adamw": {"learning_rate": 0.1, "weight_decay": 0.1}}"#,
        r#"{"lars": {"learning_rate": 0.1}}"#,
    ] {
        let config: OptimizerConfig = serde_json::from_str(config).unwrap();
        assert_same_on_two_threads(|| {
            let (mut values, mut gradient, mut norms) = (start.clone(), noise(9, start.len()), Vec::new());
            let mut optimizer = Optimizer::new(&config);
            for _ in 0..3 {
                let parameter = Trainable { values: &mut values, gradient: &mut gradient, role: Role::Weight };
                let mut parameters = [parameter];
                norms.push(device.gradient_norm(&parameters).unwrap());
                clip_gradients(&device, &mut parameters, norms[0], 1.0).unwrap();
                optimizer.step(&device, &mut parameters, 0.1).unwrap();
            }
            (values, norms)
        });
    }
}

#[test]
fn analysis_does_not_depend_on_the_number_of_threads() {
    let (values, labels) = clusters(10, 500, 300, 5);
    let features = FeatureMatrix::new(500, 300, &values);
    assert_same_on_two_threads(|| knn(&KnnConfig::default(), features, &labels, features, 5));
    assert_same_on_two_threads(|| principal_components(features, 10));
    assert_same_on_two_threads(|| health(features, features));
    let config = TsneConfig { perplexity: 20.0, iterations: 300 };
    assert_same_on_two_threads(|| tsne(features, &config, 1, &|_, _| {}).unwrap());
}
