//! Multi-tensor optimizers, and the norm and scaling of the gradient.

use crate::element::{assert_close, blank, random};
use crate::host::{Argument, Host, in_both_orders, launch};
use dfdx::prelude::Cpu;
use simclr::nn::{Role, Trainable};
use simclr::optim::{Optimize, Optimizer, OptimizerConfig};

const CHUNK: usize = 8192;
const STEPS: u64 = 3;
const RATE: f64 = 0.1;

/// Lengths and roles of the parameters: less than a block, one chunk, one element more, and several chunks.
const PARAMETERS: &[(usize, Role)] = &[
    (1, Role::Weight),
    (7, Role::Bias),
    (300, Role::Weight),
    (CHUNK, Role::NormScale),
    (CHUNK + 1, Role::Weight),
    (20_000, Role::NormShift),
    (3 * CHUNK + 77, Role::Weight),
];

/// `Tensor` of `tensors.cuh`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Tensor {
    values: *mut f32,
    gradient: *mut f32,
    states: [*mut f32; 2],
    length: i64,
    first_chunk: i32,
    decays: i32,
}

/// Parameters with their gradients and optimizer state.
struct Parameters {
    values: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    states: Vec<Vec<f32>>,
    vectors: usize,
}

/// The tables of a launch, with addresses of `Parameters`.
struct Tables {
    tensors: Vec<Tensor>,
    chunks: Vec<[i32; 2]>,
}

impl Parameters {
    /// Returns random parameters, except that one parameter and the gradient of another are 0.
    fn new(vectors: usize) -> Self {
        let make = |name: &str, zero: usize| -> Vec<Vec<f32>> {
            let values = PARAMETERS.iter().enumerate();
            values.map(|(i, &(length, _))| if i == zero { vec![0.0; length] } else { random(name, length) }).collect()
        };
        let states =
            PARAMETERS.iter().flat_map(|&(length, _)| std::iter::repeat_n(vec![0.0; length], vectors)).collect();
        Self { values: make("values", 0), gradients: make("gradient", 2), states, vectors }
    }

    fn tables(&mut self) -> Tables {
        let mut tables = Tables { tensors: Vec::new(), chunks: Vec::new() };
        for (i, &(length, role)) in PARAMETERS.iter().enumerate() {
            let own = &mut self.states[i * self.vectors..(i + 1) * self.vectors];
            let mut states = [std::ptr::null_mut(); 2];
            states.iter_mut().zip(own).for_each(|(to, state)| *to = state.as_mut_ptr());
            tables.tensors.push(Tensor {
                values: self.values[i].as_mut_ptr(),
                gradient: self.gradients[i].as_mut_ptr(),
                states,
                length: length as i64,
                first_chunk: tables.chunks.len() as i32,
                decays: i32::from(role == Role::Weight),
            });
            tables.chunks.extend((0..length.div_ceil(CHUNK)).map(|part| [i as i32, part as i32]));
        }
        tables
    }

    fn trainables(&mut self) -> Vec<Trainable<'_, Vec<f32>>> {
        let arrays = self.values.iter_mut().zip(&mut self.gradients);
        arrays.zip(PARAMETERS).map(|((values, gradient), &(_, role))| Trainable { values, gradient, role }).collect()
    }
}

fn config(text: &str) -> OptimizerConfig {
    serde_json::from_str(text).unwrap()
}

/// Compares steps of the kernels with steps of the CPU backend.
fn compare_steps(host: &Host, text: &str, step: impl Fn(&Host, &Tables, u64)) -> Vec<Vec<f32>> {
    let config = config(text);
    let (mut ours, mut theirs) = (Parameters::new(config.state_vectors()), Parameters::new(0));
    let mut optimizer = Optimizer::<Cpu>::new(&config);
    for count in 1..=STEPS {
        step(host, &ours.tables(), count);
        optimizer.step(&Cpu::default(), &mut theirs.trainables(), RATE).unwrap();
        theirs.gradients = Parameters::new(0).gradients; // LARS on the CPU has added the weight decay
        assert_eq!(ours.gradients, theirs.gradients);
        for (ours, theirs) in ours.values.iter().zip(&theirs.values) {
            assert_close(&format!("values after step {count}, {text}"), ours, theirs);
        }
        for (ours, theirs) in ours.states.iter().zip(optimizer.state().1) {
            assert_close(&format!("state after step {count}, {text}"), ours, theirs);
        }
    }
    ours.values.into_iter().chain(ours.states).collect()
}

/// A grid with fewer blocks than chunks.
const GRID: [usize; 2] = [6, 1];

#[test]
fn sgd() {
    in_both_orders(|host| {
        let mut all = Vec::new();
        for (momentum, nesterov) in [(0.0f32, false), (0.9, false), (0.9, true)] {
            let text = format!(
                r#"{{"sgd": {{"learning_rate": 1, "momentum": {momentum}, "nesterov": {nesterov}, "weight_decay": 0.01}}}}"#
            );
            all.push(compare_steps(host, &text, |host, tables, _| {
                launch!(host, "sgd", GRID; &tables.tensors, &tables.chunks, tables.chunks.len() as i32,
                    RATE as f32, momentum, 0.01f32, i32::from(nesterov));
            }));
        }
        all
    });
}

#[test]
fn adam_and_adamw() {
    in_both_orders(|host| {
        let mut all = Vec::new();
        for (name, in_gradient, shrink) in [("adam", 0.01, 1.0), ("adamw", 0.0, 1.0 - RATE * 0.01)] {
            let text = format!(r#"{{"{name}": {{"learning_rate": 1, "betas": [0.9, 0.99], "weight_decay": 0.01}}}}"#);
            all.push(compare_steps(host, &text, |host, tables, count| {
                let correction = |beta: f64| 1.0 - beta.powf(count as f64);
                let (size, root) = (RATE / correction(0.9), 1.0 / correction(0.99).sqrt());
                let step = [size, root, 0.9, 1.0 - 0.9, 0.99, 1.0 - 0.99, 1e-8, in_gradient, shrink];
                launch!(host, "adam", GRID; &tables.tensors, &tables.chunks, tables.chunks.len() as i32,
                    Argument::value(step.map(|x| x as f32)));
            }));
        }
        all
    });
}

#[test]
fn lars() {
    in_both_orders(|host| {
        let text = r#"{"lars": {"learning_rate": 1, "momentum": 0.9, "weight_decay": 0.01, "trust": 0.02}}"#;
        compare_steps(host, text, |host, tables, _| {
            let count = tables.chunks.len();
            let mut squares = vec![[f64::NAN; 2]; count];
            launch!(host, "lars_squares", GRID; &tables.tensors, &tables.chunks, count as i32, 0.01f32, &mut squares);
            launch!(host, "lars", GRID; &tables.tensors, &tables.chunks, count as i32, 0.01f32, &squares, RATE, 0.02,
                0.9f32);
        })
    });
}

/// Returns the norm of all gradients.
fn norm(host: &Host, parameters: &mut Parameters) -> f64 {
    let tables = parameters.tables();
    let count = tables.chunks.len();
    let (mut sums, mut total) = (vec![f64::NAN; count], vec![f64::NAN]);
    launch!(host, "square_sums", GRID; &tables.tensors, &tables.chunks, count as i32, &mut sums);
    launch!(host, "square_sums_merge", [1, 1]; &sums, count as i32, &mut total);
    total[0].sqrt()
}

#[test]
fn gradient_norm_and_scaling() {
    in_both_orders(|host| {
        let (mut ours, mut theirs) = (Parameters::new(0), Parameters::new(0));
        let expected = Cpu::default().gradient_norm(&theirs.trainables()).unwrap();
        let norm = norm(host, &mut ours);
        assert!((norm / expected - 1.0).abs() < 1e-12, "{norm} instead of {expected}");
        Cpu::default().scale_gradients(&mut theirs.trainables(), 0.3).unwrap();
        let tables = ours.tables();
        let count = tables.chunks.len() as i32;
        launch!(host, "scale_gradients", GRID; &tables.tensors, &tables.chunks, count, 0.3f32);
        assert_eq!(ours.gradients, theirs.gradients);
        ours.gradients
    });
}

#[test]
fn the_norm_of_a_non_finite_gradient_is_not_finite() {
    in_both_orders(|host| {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut parameters = Parameters::new(0);
            parameters.gradients[6][5000] = bad;
            assert!(!norm(host, &mut parameters).is_finite());
        }
        blank::<f32>(0)
    });
}
