//! Losses, optimizers, schedules and analysis held to golden numbers of PyTorch, scikit-learn and scipy (made by the
//! scripts in `tests/golden`), and to themselves on one and on two threads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use dfdx::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;
use simclr::analysis::{
    Confusion, Features, KnnConfig, TsneConfig, health, knn, mean_interval, principal_components, tsne,
    tsne_divergence, wilson_interval,
};
use simclr::loss::{NtXentConfig, cross_entropy, nt_xent, nt_xent_chance};
use simclr::nn::{Role, Trainable};
use simclr::optim::{Optimize, Optimizer, OptimizerConfig, Schedule, ScheduleConfig, clip_gradients};
use simclr::train::softmax::{SoftmaxTraining, train_softmax};
use simclr::train::{Monitor, Patience, Stopping};

const TOLERANCE: f64 = 1e-4;

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn get<T: DeserializeOwned>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// The largest difference, relative to the largest number, is below the tolerance.
fn assert_near(what: &str, got: &[f32], wanted: &[f64]) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    for (i, (&got, wanted)) in got.iter().zip(wanted).enumerate() {
        let error = (f64::from(got) - wanted).abs();
        assert!(error <= TOLERANCE * largest, "{what}: number {i} is {got}, wanted {wanted}, largest {largest}");
    }
}

fn assert_close(what: &str, got: f64, wanted: f64, tolerance: f64) {
    assert!((got - wanted).abs() <= tolerance * wanted.abs(), "{what}: {got}, wanted {wanted}");
}

/// Runs on pools of one and of two threads and compares.
fn same_on_two_threads<T: PartialEq + Send>(work: impl Fn() -> T + Send + Sync) {
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
        // A loss of nearly nothing is a difference of large numbers: what is left of 32 bits there is absolute.
        let error = (f64::from(output.loss.array()) - loss).abs();
        assert!(error <= TOLERANCE * loss.max(1e-2), "{what}: {} instead of {loss}", output.loss.array());
        assert_eq!(output.accuracy, get::<f32>(case, "accuracy"), "{what}");
        assert_near(&what, &output.loss.backward().get(&z).as_vec(), &get::<Vec<f64>>(case, "gradient"));
    }
}

#[test]
fn nt_xent_gradient_passes_on_what_comes_from_above_and_adds_up() {
    let config = NtXentConfig { temperature: 0.5, similarity: Default::default() };
    let z = matrix(6, 4, noise(1, 24));
    let once = nt_xent(z.leaky_trace(), &config).unwrap().loss.backward().get(&z).as_vec();
    let twice = nt_xent(z.leaky_trace(), &config).unwrap().loss + nt_xent(z.leaky_trace(), &config).unwrap().loss * 2.0;
    for (three, one) in twice.backward().get(&z).as_vec().iter().zip(&once) {
        assert!((three - 3.0 * one).abs() < 1e-6);
    }
}

#[test]
fn nt_xent_gradient_by_finite_differences() {
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
    assert_close("the report's chance", nt_xent_chance(64), 4.844, 1e-4);
    assert_eq!(output.accuracy, 0.0);
    let zeros = nt_xent(matrix(4, 3, vec![0.0; 12]).leaky_trace(), &config).unwrap();
    assert_close("vectors without length", f64::from(zeros.loss.array()), nt_xent_chance(2), 1e-5);
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

/// Values, gradients and roles as an optimizer takes them.
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
            // Every step as after an interruption.
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
        for (got, wanted) in gradients.iter().zip(&get::<Vec<Vec<f64>>>(case, "after")) {
            assert_near("clipped", got, wanted);
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
        for (step, wanted) in get::<Vec<f64>>(case, "rates").into_iter().enumerate() {
            let got = schedule.learning_rate(step as u64);
            assert!((got - wanted).abs() < 1e-9, "{config:?}, step {step}: {got}, wanted {wanted}");
        }
    }
}

#[test]
fn the_reports_schedule_is_zero_from_step_1000() {
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
        let train = Features::new(get(case, "train_rows"), width, &train);
        let test = Features::new(get(case, "test_rows"), width, &test);
        let found = knn(&config, train, &get::<Vec<usize>>(case, "labels"), test, get(case, "classes"));
        assert_near("scores", &found.scores, &get::<Vec<f64>>(case, "scores"));
        assert_eq!(found.predictions, get::<Vec<usize>>(case, "predictions"));
    }
}

#[test]
fn of_equal_neighbors_the_first_vote_and_of_equal_classes_the_first_wins() {
    let config = KnnConfig { k: 2, temperature: 0.001 };
    let train = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0];
    let found = knn(&config, Features::new(3, 2, &train), &[2, 1, 1], Features::new(1, 2, &[1.0, 0.0]), 3);
    assert_eq!(found.predictions, [1]);
    assert_eq!(found.scores, [0.0, 0.5, 0.5]);
}

#[test]
fn principal_components_of_scikit_learn() {
    for case in golden("analysis")["pca"].as_array().unwrap() {
        let values: Vec<f32> = get(case, "features");
        let count: usize = get(case, "count");
        let found = principal_components(Features::new(get(case, "rows"), get(case, "width"), &values), count);
        assert_near("points", &found.points, &get::<Vec<f64>>(case, "points"));
        for (what, got) in [("variance", &found.explained_variance), ("ratio", &found.explained_variance_ratio)] {
            for (got, wanted) in got.iter().zip(get::<Vec<f64>>(case, what)) {
                assert_close(what, *got, wanted, 1e-6);
            }
        }
    }
}

#[test]
fn principal_components_of_many_columns_agree_with_the_whole_decomposition() {
    // 300 columns take the iteration; half of them as a table of their own take the direct way.
    let (rows, width, count) = (400, 300, 5);
    let spread = noise(3, rows * width);
    let scaled = |i: usize| spread[i] * 4.0 / (1.0 + (i % width) as f32).sqrt();
    let values: Vec<f32> = (0..rows * width).map(scaled).collect();
    let few = principal_components(Features::new(rows, width, &values), count);
    let all = principal_components(Features::new(rows, width, &values), width);
    for (few, all) in few.points.chunks(count).zip(all.points.chunks(width)) {
        for (few, all) in few.iter().zip(all) {
            assert!((few - all).abs() < 1e-4, "{few} {all}");
        }
    }
    let total: f64 = all.explained_variance_ratio.iter().sum();
    assert_close("whole variance", total, 1.0, 1e-9);
}

#[test]
fn principal_components_of_noise_and_of_few_directions() {
    // No drop in the spectrum to hold on to; three directions and nothing else.
    let (rows, width, count) = (300, 280, 20);
    let (left, right) = (noise(11, rows * 3), noise(12, 3 * width));
    let low_rank = (0..rows * width)
        .map(|i| (0..3).map(|k| left[i / width * 3 + k] * right[k * width + i % width]).sum())
        .collect();
    for values in [noise(13, rows * width), low_rank] {
        let features = Features::new(rows, width, &values);
        let (few, all) = (principal_components(features, count), principal_components(features, width));
        for k in 0..count {
            let (got, wanted) = (few.explained_variance[k], all.explained_variance[k]);
            assert!((got - wanted).abs() < 1e-9 * all.explained_variance[0], "{k}: {got} {wanted}");
            // The points are orthogonal and as long as the variance says.
            let product = |j: usize| -> f64 {
                few.points.chunks(count).map(|row| f64::from(row[k]) * f64::from(row[j])).sum::<f64>()
            };
            for j in 0..count {
                let wanted = if j == k { got * (rows - 1) as f64 } else { 0.0 };
                let allowed = 1e-6 * all.explained_variance[0] * rows as f64;
                assert!((product(j) - wanted).abs() < allowed, "{j} {k}: {} {wanted}", product(j));
            }
        }
    }
}

#[test]
fn principal_components_that_are_not_there_are_zero() {
    let found = principal_components(Features::new(3, 2, &[1.0; 6]), 4);
    assert_eq!((found.points, found.explained_variance), (vec![0.0; 12], vec![0.0; 4]));
    let nan = principal_components(Features::new(3, 2, &[f32::NAN; 6]), 1);
    assert!(nan.points.iter().all(|x| x.is_nan()));
    assert!(principal_components(Features::new(0, 5, &[]), 2).points.is_empty());
}

/// Part of the 10 nearest neighbors in the plane that count as far in the features, as scikit-learn's measure.
fn trustworthiness(features: &[f32], width: usize, points: &[f32]) -> f64 {
    const NEIGHBOURS: usize = 10;
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
        near[..NEIGHBOURS].iter().map(|&j| rank(j).saturating_sub(NEIGHBOURS)).sum::<usize>() as f64
    };
    let (n, k) = (rows as f64, NEIGHBOURS as f64);
    1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * (0..rows).map(penalty).sum::<f64>()
}

#[test]
fn tsne_starts_as_scikit_learns() {
    let file = golden("analysis");
    let case = &file["tsne"];
    let values: Vec<f32> = get(case, "features");
    let features = Features::new(get(case, "rows"), get(case, "width"), &values);
    for run in case["first_steps"].as_array().unwrap() {
        let config = TsneConfig { perplexity: get(run, "perplexity"), iterations: get(run, "steps") };
        let wanted: Vec<f64> = get(run, "points");
        let points = tsne(features, &config, 1, &|_, _| {}).unwrap();
        let square = |x: f64| x * x;
        let error: f64 = points.iter().zip(&wanted).map(|(&got, wanted)| square(f64::from(got) - wanted)).sum();
        let length: f64 = wanted.iter().map(|&x| square(x)).sum();
        // Theirs is exact, ours approximates far groups; a few steps later the smallest difference has grown to order 1.
        assert!((error / length).sqrt() < 0.01, "{config:?}: off by {}", (error / length).sqrt());
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn tsne_ends_as_well_as_scikit_learns() {
    let file = golden("analysis");
    let case = &file["tsne"];
    let (values, width): (Vec<f32>, usize) = (get(case, "features"), get(case, "width"));
    let features = Features::new(get(case, "rows"), width, &values);
    for run in case["runs"].as_array().unwrap() {
        let config = TsneConfig { perplexity: get(run, "perplexity"), iterations: 1000 };
        let divergences: Vec<f64> = get(run, "divergences");
        // Our divergence of scikit-learn's points is scikit-learn's, so what is compared is the same thing.
        let same = tsne_divergence(features, &config, &get::<Vec<f32>>(run, "points")).unwrap();
        assert_close("divergence of the same points", same, divergences[divergences.len() - 1], 0.02);
        // Nearly equal features end in different places, so several runs of both are compared.
        let (ours, trust): (Vec<f64>, Vec<f64>) = (0..7)
            .map(|seed| {
                let moved: Vec<f32> =
                    values.iter().zip(noise(200 + seed, values.len())).map(|(x, n)| x * (1.0 + 1e-4 * n)).collect();
                let features = Features::new(features.rows, width, &moved);
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
fn tsne_takes_what_it_can_and_refuses_the_rest() {
    let config = |perplexity| TsneConfig { perplexity, iterations: 20 };
    let values = noise(4, 12 * 60);
    let error = tsne(Features::new(12, 60, &values), &config(12.0), 1, &|_, _| {}).unwrap_err();
    assert!(error.what().contains("perplexity 12") && error.next_step().is_some());
    assert!(tsne(Features::new(0, 3, &[]), &config(2.0), 1, &|_, _| {}).is_err());
    assert!(tsne(Features::new(9, 1, &[f32::NAN; 9]), &config(2.0), 1, &|_, _| {}).is_err());
    // Wide, narrow, collapsed.
    for (width, values) in [(60, &values[..]), (1, &values[..12]), (2, &[0.5; 24][..])] {
        let steps = std::cell::RefCell::new(Vec::new());
        let points =
            tsne(Features::new(12, width, values), &config(3.0), 1, &|done, of| steps.borrow_mut().push((done, of)));
        assert!(points.unwrap().iter().all(|x| x.is_finite()));
        assert_eq!(*steps.borrow(), (1..=20).map(|done| (done, 20)).collect::<Vec<_>>());
    }
}

#[test]
fn health_of_two_views() {
    let file = golden("analysis");
    let case = &file["health"];
    let (rows, width) = (get(case, "rows"), get(case, "width"));
    let (first, second): (Vec<f32>, Vec<f32>) = (get(case, "first"), get(case, "second"));
    let found = health(Features::new(rows, width, &first), Features::new(rows, width, &second));
    assert_close("alignment", found.alignment, get(case, "alignment"), 1e-6);
    assert_close("uniformity", found.uniformity, get(case, "uniformity"), 1e-6);
    assert_close("embedding_std", found.embedding_std, get(case, "embedding_std"), 1e-6);
    assert_close("effective_rank", found.effective_rank, get(case, "effective_rank"), 1e-6);
    let collapsed = vec![0.3; 40 * 8];
    let found = health(Features::new(40, 8, &collapsed), Features::new(40, 8, &collapsed));
    assert!(found.alignment == 0.0 && found.uniformity.abs() < 1e-6 && found.embedding_std < 1e-6);
    assert_close("rank of a collapsed representation", found.effective_rank, 1.0, 1e-4);
}

#[test]
fn intervals_of_scipy() {
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
fn confusion_of_scikit_learn() {
    let file = golden("analysis");
    let case = &file["confusion"];
    let (labels, predictions): (Vec<usize>, Vec<usize>) = (get(case, "labels"), get(case, "predictions"));
    let found = Confusion::from_predictions(&labels, &predictions, get(case, "classes"));
    assert_eq!(found.counts, get::<Vec<usize>>(case, "counts"));
    assert_close("accuracy", found.accuracy(), get(case, "accuracy"), 1e-12);
    for (got, wanted) in found.per_class_accuracy().iter().zip(get::<Vec<f64>>(case, "recall")) {
        assert_close("recall", *got, wanted, 1e-12);
    }
}

/// Features of `rows` images in `classes` clusters.
fn clusters(seed: u64, rows: usize, width: usize, classes: usize) -> (Vec<f32>, Vec<usize>) {
    let centers = noise(100, classes * width);
    let labels: Vec<usize> = (0..rows).map(|i| i % classes).collect();
    let values = noise(seed, rows * width);
    let at = |i: usize| values[i] + 1.2 * centers[labels[i / width] * width + i % width];
    ((0..rows * width).map(at).collect(), labels)
}

#[test]
fn softmax_learns_stops_early_and_keeps_the_best() {
    let (features, labels) = clusters(5, 120, 16, 4);
    let (chosen, chosen_labels) = clusters(6, 80, 16, 4);
    let optimizer: OptimizerConfig = serde_json::from_str(r#"{"adam": {"learning_rate": 0.05}}"#).unwrap();
    let schedule: ScheduleConfig = serde_json::from_str(r#"{"constant": {}}"#).unwrap();
    let job = SoftmaxTraining {
        features: Features::new(120, 16, &features),
        labels: &labels,
        selection_features: Features::new(80, 16, &chosen),
        selection_labels: &chosen_labels,
        classes: 4,
        optimizer: &optimizer,
        schedule: &schedule,
        epochs: 200,
        batch_size: 50,
        stopping: Some(Stopping { monitor: Monitor::Loss, patience: Patience::Epochs(3) }),
        seed: 1,
    };
    let (classifier, records, best) = train_softmax(&job).unwrap();
    let (loss, accuracy) = classifier.evaluate(job.selection_features, &chosen_labels);
    let kept = &records[best - 1];
    assert_eq!((Some(loss), Some(accuracy)), (kept.selection_loss, kept.selection_accuracy));
    assert!(accuracy > 0.9, "{accuracy}");
    let records_of_best = records.clone();
    assert!(records.len() < 200 && records.len() == best + 3, "{} epochs, best {best}", records.len());
    assert!(records.iter().all(|record| record.selection_loss >= Some(loss)));
    assert!(classifier.probabilities(job.features).chunks(4).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));

    same_on_two_threads(|| train_softmax(&job).unwrap());
    assert!(train_softmax(&SoftmaxTraining { seed: 2, ..job }).unwrap().1 != records);

    let hot: OptimizerConfig = serde_json::from_str(r#"{"sgd": {"learning_rate": 1e38}}"#).unwrap();
    let error = train_softmax(&SoftmaxTraining { optimizer: &hot, ..job }).unwrap_err();
    assert!(error.what().contains("step") && error.what().contains("learning rate 1e38"), "{error}");
    let none = Features::new(0, 16, &[]);
    let all = SoftmaxTraining { selection_features: none, selection_labels: &[], epochs: 7, ..job };
    let (last, records, best) = train_softmax(&all).unwrap();
    assert_eq!((records.len(), best), (7, 7), "without images to choose on the last epoch is kept");
    assert!(last.evaluate(job.features, &labels).1 > 0.9);
    assert!(train_softmax(&SoftmaxTraining { features: none, labels: &[], ..job }).is_err());

    // Without early stopping the last weights are kept, though others had a smaller selection loss.
    let to_the_end = SoftmaxTraining { stopping: None, epochs: records_of_best.len() + 20, ..job };
    let (last, records, kept) = train_softmax(&to_the_end).unwrap();
    assert_eq!((records.len(), kept), (to_the_end.epochs, to_the_end.epochs));
    assert_eq!(records.last().unwrap().selection_loss, Some(last.evaluate(job.selection_features, &chosen_labels).0));
}

#[test]
fn the_loss_has_the_same_bits_on_two_threads() {
    for (rows, width) in [(6, 5), (258, 128)] {
        let values = noise(7, rows * width);
        let config = NtXentConfig { temperature: 0.1, similarity: Default::default() };
        same_on_two_threads(|| {
            let z = matrix(rows, width, values.clone());
            let loss = nt_xent(z.leaky_trace(), &config).unwrap().loss;
            (loss.array(), loss.backward().get(&z).as_vec())
        });
    }
}

#[test]
fn optimizers_have_the_same_bits_on_two_threads() {
    let device = Cpu::default();
    let start = noise(8, 100_000);
    for config in [
        r#"{"sgd": {"learning_rate": 0.1, "momentum": 0.9}}"#,
        r#"{"adamw": {"learning_rate": 0.1, "weight_decay": 0.1}}"#,
        r#"{"lars": {"learning_rate": 0.1}}"#,
    ] {
        let config: OptimizerConfig = serde_json::from_str(config).unwrap();
        same_on_two_threads(|| {
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
fn analysis_has_the_same_bits_on_two_threads() {
    let (values, labels) = clusters(10, 500, 300, 5);
    let features = Features::new(500, 300, &values);
    same_on_two_threads(|| knn(&KnnConfig::default(), features, &labels, features, 5));
    same_on_two_threads(|| principal_components(features, 10));
    same_on_two_threads(|| health(features, features));
    let config = TsneConfig { perplexity: 20.0, iterations: 300 };
    same_on_two_threads(|| tsne(features, &config, 1, &|_, _| {}).unwrap());
}
