//! Logistic regression against scikit-learn (golden values from `tests/golden/logistic.py`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

use serde::Deserialize;
use simclr::analysis::FeatureMatrix;
use simclr::train::Standardizer;
use simclr::train::logistic::{LogisticProblem, Objective, Selection, TOLERANCE, solve_path};

#[derive(Deserialize)]
struct Golden {
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    name: String,
    rows: usize,
    width: usize,
    classes: usize,
    features: Vec<f32>,
    labels: Vec<usize>,
    elsewhere: Point,
    solutions: Vec<Solution>,
}

/// Objective and gradient at a point away from the minimum.
#[derive(Deserialize)]
struct Point {
    c: f64,
    weights: Vec<f64>,
    biases: Vec<f64>,
    objective: f64,
    weight_gradient: Vec<f64>,
    bias_gradient: Vec<f64>,
}

#[derive(Deserialize)]
struct Solution {
    c: f64,
    objective: f64,
    weights: Vec<f64>,
    biases: Vec<f64>,
    accuracy: f64,
}

fn problems() -> Vec<Problem> {
    serde_json::from_str::<Golden>(include_str!("golden/logistic.json")).unwrap().problems
}

impl Problem {
    fn features(&self) -> FeatureMatrix<'_> {
        FeatureMatrix::new(self.rows, self.width, &self.features)
    }

    /// Returns standardized features with a last column of ones.
    fn inputs(&self) -> Vec<f64> {
        let standardized = Standardizer::fit(self.features()).standardized(self.features());
        standardized.chunks(self.width).flat_map(|row| row.iter().copied().chain([1.0])).collect()
    }

    fn objective<'a>(&'a self, inputs: &'a [f64], c: f64) -> Objective<'a> {
        let penalty = 1.0 / (c * self.rows as f64);
        Objective { inputs, columns: self.width + 1, labels: &self.labels, classes: self.classes, penalty }
    }
}

fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= tolerance * largest, "{what}: {got} and {expected}, of {largest}");
    }
}

#[test]
fn objective_and_gradient_match_scikit_learn() {
    for problem in problems() {
        let at = &problem.elsewhere;
        let inputs = problem.inputs();
        let parameters = [at.weights.clone(), at.biases.clone()].concat();
        let mut gradient = vec![0.0; parameters.len()];
        let objective = problem.objective(&inputs, at.c).evaluate(&parameters, &mut gradient);
        assert_close(&problem.name, &[objective], &[at.objective], 1e-12);
        let (weights, biases) = gradient.split_at(at.weights.len());
        assert_close(&problem.name, weights, &at.weight_gradient, 1e-10);
        assert_close(&problem.name, biases, &at.bias_gradient, 1e-10);
    }
}

/// Starting from zero, and from the previous solution.
#[test]
fn solutions_match_scikit_learn() {
    for problem in problems() {
        let standardizer = Standardizer::fit(problem.features());
        let (classes, inputs) = (problem.classes, problem.inputs());
        let solver = LogisticProblem::new(problem.features(), &problem.labels, classes, &standardizer).unwrap();
        let mut last = None;
        for expected in &problem.solutions {
            let name = format!("{}, C = {}", problem.name, expected.c);
            let cold = solver.solve(expected.c, None).unwrap();
            let warm = solver.solve(expected.c, last.as_ref()).unwrap();
            for found in [&cold, &warm] {
                assert!(found.has_converged && found.gradient_norm <= TOLERANCE, "{name}: {}", found.gradient_norm);
                assert_close(&name, &[found.objective], &[expected.objective], 1e-7);
                let (weights, biases) = found.parameters.split_at(expected.weights.len());
                assert_close(&format!("weights of {name}"), weights, &expected.weights, 1e-3);
                let mean = biases.iter().sum::<f64>() / classes as f64;
                let biases: Vec<f64> = biases.iter().map(|bias| bias - mean).collect();
                let largest = expected.weights.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
                biases.iter().zip(&expected.biases).for_each(|(got, expected)| {
                    assert!(
                        (got - expected).abs() <= 1e-3 * largest.max(expected.abs()),
                        "{name}: {got} and {expected}"
                    );
                });
                // It is the minimum of the original problem too, not only of the rotated one.
                let mut gradient = vec![0.0; found.parameters.len()];
                problem.objective(&inputs, expected.c).evaluate(&found.parameters, &mut gradient);
                let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                assert!(norm <= 1.01 * TOLERANCE, "{name}: {norm}");
                let accuracy = found.classifier.evaluate(problem.features(), &problem.labels).1;
                assert!(
                    (accuracy - expected.accuracy).abs() <= 1.01 / problem.rows as f64,
                    "{name}: more than one image off"
                );
            }
            last = Some(cold);
        }
    }
}

#[test]
fn the_path_does_not_depend_on_the_number_of_threads() {
    let solve = |problem: &Problem| {
        let standardizer = Standardizer::fit(problem.features());
        let solver = LogisticProblem::new(problem.features(), &problem.labels, problem.classes, &standardizer).unwrap();
        let selection = Selection { features: problem.features(), labels: &problem.labels };
        solve_path(&solver, &[1e-3, 0.1, 10.0], selection, &|| Ok(())).unwrap()
    };
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for problem in problems() {
        assert_eq!(on(1).install(|| solve(&problem)), on(2).install(|| solve(&problem)), "{}", problem.name);
    }
}

#[test]
fn features_that_are_not_finite_are_an_error() {
    let features = FeatureMatrix::new(2, 1, &[f32::NAN, 1.0]);
    let standardizer = Standardizer::centering(features);
    let solver = LogisticProblem::new(features, &[0, 1], 2, &standardizer).unwrap();
    assert!(solver.solve(1.0, None).unwrap_err().what().contains("NaN"));
    let nothing = FeatureMatrix::new(0, 1, &[]);
    assert!(LogisticProblem::new(nothing, &[], 2, &standardizer).is_err());
}
