//! A logistic regression problem: features are rotated so that L-BFGS converges quickly, and solutions rotated back.

use crate::analysis::{FeatureMatrix, PrincipalAxes, principal_axes};
use crate::base::matmul::{Matrix, gemm};
use crate::base::{Error, Result};
use crate::optim::{Lbfgs, Minimum};
use crate::train::logistic::Objective;
use crate::train::softmax::SoftmaxClassifier;
use crate::train::standardize::Standardizer;

/// Euclidean norm of the gradient (of the mean loss, see [`Objective`]) below which a problem counts as solved.
pub const TOLERANCE: f64 = 1e-7;

const SOLVER: Lbfgs = Lbfgs { memory: 20, tolerance: TOLERANCE, max_iterations: 10_000 };

/// The standardized features of labeled images, rotated to their principal axes, and their labels.
///
/// The L2 penalty is invariant under rotation, so the rotated problem has the rotated solution. Its Hessian is nearly
/// diagonal (exactly so at weights of 0), and the diagonal preconditions L-BFGS. Axes along which the labeled images do
/// not vary have weights of 0 and are left out, so that few images make a small problem.
pub struct LogisticProblem<'a> {
    standardizer: &'a Standardizer,
    axes: PrincipalAxes,
    /// `[rows, axes + 1]`, the last column 1.
    inputs: Vec<f64>,
    labels: &'a [usize],
    classes: usize,
    class_weights: Option<&'a [f64]>,
}

/// A solution for one strength of regularization.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticSolution {
    /// Classifier for raw features, before standardization.
    pub classifier: SoftmaxClassifier,
    /// Weights `[width, classes]` for standardized features, then biases `[classes]`.
    pub parameters: Vec<f64>,
    /// Mean cross-entropy on the labeled images.
    pub loss: f64,
    /// Minimized value: the loss plus the squared norm of the weights divided by `2 c rows`.
    pub objective: f64,
    /// Euclidean norm of the gradient of the objective.
    pub gradient_norm: f64,
    /// Iterations of L-BFGS.
    pub iterations: usize,
    /// Whether the gradient norm is at most [`TOLERANCE`].
    pub has_converged: bool,
    /// Solution of the rotated problem, to start the next one from.
    rotated: Vec<f64>,
}

impl<'a> LogisticProblem<'a> {
    /// Creates the problem of labeled images; `standardizer` is applied to their features.
    ///
    /// # Errors
    /// There are no labeled images, or a label is not below `classes`.
    pub fn new(
        features: FeatureMatrix<'_>,
        labels: &'a [usize],
        classes: usize,
        standardizer: &'a Standardizer,
    ) -> Result<Self> {
        if features.rows == 0 {
            return Err(Error::stage("there are no labeled images to train the classifier on")
                .help("set a larger `labeled_fraction`"));
        }
        if features.rows != labels.len() || labels.iter().any(|&label| label >= classes) {
            return Err(Error::bug(format!("labels do not fit {} rows of features", features.rows)));
        }
        let axes = principal_axes(&standardizer.standardized(features), features.rows, features.width);
        let row = |row: usize| axes.points[row * axes.count..(row + 1) * axes.count].iter().copied().chain([1.0]);
        let inputs = (0..features.rows).flat_map(row).collect();
        Ok(Self { standardizer, axes, inputs, labels, classes, class_weights: None })
    }

    /// Weights the loss by class.
    pub fn with_class_weights(self, class_weights: &'a [f64]) -> Self {
        Self { class_weights: Some(class_weights), ..self }
    }

    /// Returns the weight of each class; `None` if all are 1.
    pub fn class_weights(&self) -> Option<&[f64]> {
        self.class_weights
    }

    /// Solves the problem for an inverse strength of regularization `c`, starting from the solution for another one if
    /// given.
    ///
    /// # Errors
    /// The features are not finite.
    pub fn solve(&self, c: f64, warm_start: Option<&LogisticSolution>) -> Result<LogisticSolution> {
        let objective = self.objective(0.0);
        let objective = Objective { penalty: 1.0 / (c * objective.total_weight()), ..objective };
        let start = warm_start.map_or_else(|| vec![0.0; objective.columns * self.classes], |near| near.rotated.clone());
        let found = SOLVER
            .minimize(start, &self.preconditioner(objective.penalty), |at, gradient| objective.evaluate(at, gradient));
        if !found.value.is_finite() {
            return Err(Error::stage(format!("the loss of the linear classifier is {} at c = {c:e}", found.value))
                .help("the features are not finite: the pretraining run that they come from has diverged"));
        }
        let loss = objective.cross_entropy(&found.position);
        Ok(self.solution(found, loss))
    }

    fn objective(&self, penalty: f64) -> Objective<'_> {
        let Self { inputs, labels, class_weights, .. } = self;
        let (columns, classes) = (self.axes.count + 1, self.classes);
        Objective { inputs, columns, labels, classes, penalty, class_weights: *class_weights }
    }

    /// Returns the inverse of the diagonal of the Hessian at weights of 0, where all classes are equally likely.
    fn preconditioner(&self, penalty: f64) -> Vec<f64> {
        let (rows, probability) = (self.labels.len() as f64, 1.0 / self.classes as f64);
        let variances = self.axes.squares.iter().map(|square| square / rows);
        let weights = variances.map(|variance| 1.0 / (probability * variance + penalty));
        let rows = weights.chain([1.0 / probability]);
        rows.flat_map(|scale| std::iter::repeat_n(scale, self.classes)).collect()
    }

    /// Converts the minimum to a classifier of raw features.
    fn solution(&self, found: Minimum, loss: f64) -> LogisticSolution {
        let (count, classes) = (self.axes.count, self.classes);
        let width = self.standardizer.mean.len();
        let (rotated, biases) = found.position.split_at(count * classes);
        let mut weights = vec![0.0; width * classes];
        let axes = Matrix::new(&self.axes.axes, count, width).transposed();
        gemm(axes, Matrix::new(rotated, count, classes), false, &mut weights);
        let classifier = self.standardizer.fold(&weights, biases);
        let parameters = [&weights, biases].concat();
        LogisticSolution {
            classifier,
            parameters,
            loss,
            objective: found.value,
            gradient_norm: found.gradient_norm,
            iterations: found.iterations,
            has_converged: found.has_converged,
            rotated: found.position,
        }
    }
}
