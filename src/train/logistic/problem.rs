//! One problem of logistic regression: features brought into a form in which L-BFGS is quick, and the way back.

use crate::analysis::{Features, PrincipalAxes, principal_axes};
use crate::base::matmul::{Matrix, multiply};
use crate::base::{Error, Result};
use crate::optim::{Lbfgs, Minimum};
use crate::train::logistic::Objective;
use crate::train::softmax::SoftmaxClassifier;
use crate::train::standardize::Standardizer;

/// Euclidean norm of the gradient (of the mean form of the loss, see [`Objective`]) at which a problem counts as solved.
pub const TOLERANCE: f64 = 1e-7;

const SOLVER: Lbfgs = Lbfgs { memory: 20, tolerance: TOLERANCE, max_iterations: 10_000 };

/// Labeled images by their standardized features, rotated to their principal axes.
///
/// The L2 penalty does not change under a rotation, so the rotated problem has the same solution, rotated. Its Hessian
/// matrix is nearly diagonal (at weights of 0 exactly so), which gives L-BFGS its scale; and axes along which the
/// labeled images do not vary have weights of 0 and are left out: few images make a small problem.
pub struct LogisticProblem<'a> {
    standardizer: &'a Standardizer,
    axes: PrincipalAxes,
    /// `[rows, axes + 1]`, the last column 1.
    inputs: Vec<f64>,
    labels: &'a [usize],
    classes: usize,
}

/// A solution for one strength of regularization.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticSolution {
    /// The classifier, for features as they are before standardization.
    pub classifier: SoftmaxClassifier,
    /// Weights `[width, classes]` for standardized features, then biases `[classes]`.
    pub parameters: Vec<f64>,
    /// Mean cross-entropy of the labeled images.
    pub loss: f64,
    /// What was minimized: the loss plus the squared norm of the weights divided by `2 c rows`.
    pub objective: f64,
    /// Euclidean norm of its gradient.
    pub gradient_norm: f64,
    /// Iterations of L-BFGS.
    pub iterations: usize,
    /// Whether the gradient norm is at most [`TOLERANCE`].
    pub has_converged: bool,
    /// Where L-BFGS ended, to start the next one from.
    end: Vec<f64>,
}

impl<'a> LogisticProblem<'a> {
    /// The problem of some labeled images; `standardizer` is applied to their features.
    ///
    /// # Errors
    /// There are no labeled images, or a label is not below `classes`.
    pub fn new(
        features: Features<'_>,
        labels: &'a [usize],
        classes: usize,
        standardizer: &'a Standardizer,
    ) -> Result<Self> {
        if features.rows == 0 {
            return Err(Error::stage("there are no labeled images to train the classifier with")
                .help("set a larger `labeled_fraction`"));
        }
        if features.rows != labels.len() || labels.iter().any(|&label| label >= classes) {
            return Err(Error::bug(format!("labels do not fit {} rows of features", features.rows)));
        }
        let axes = principal_axes(&standardizer.standardized(features), features.rows, features.width);
        let row = |row: usize| axes.points[row * axes.count..(row + 1) * axes.count].iter().copied().chain([1.0]);
        let inputs = (0..features.rows).flat_map(row).collect();
        Ok(Self { standardizer, axes, inputs, labels, classes })
    }

    /// The classifier with the smallest loss for an inverse strength of regularization `c`, found from the solution for
    /// another one where there is one.
    ///
    /// # Errors
    /// The features are not finite.
    pub fn solve(&self, c: f64, near: Option<&LogisticSolution>) -> Result<LogisticSolution> {
        let objective = self.objective(1.0 / (c * self.labels.len() as f64));
        let start = near.map_or_else(|| vec![0.0; objective.columns * self.classes], |near| near.end.clone());
        let found =
            SOLVER.minimize(start, &self.scale(objective.penalty), |at, gradient| objective.evaluate(at, gradient));
        if !found.value.is_finite() {
            return Err(Error::stage(format!("the loss of the linear classifier is {} at c = {c:e}", found.value))
                .help("the features are not finite: the pretraining run they come from has diverged"));
        }
        let loss = objective.cross_entropy(&found.position);
        Ok(self.solution(found, loss))
    }

    fn objective(&self, penalty: f64) -> Objective<'_> {
        let Self { inputs, labels, classes, .. } = self;
        Objective { inputs, columns: self.axes.count + 1, labels, classes: *classes, penalty }
    }

    /// The inverse of the Hessian matrix's diagonal at weights of 0, where all classes are equally likely.
    fn scale(&self, penalty: f64) -> Vec<f64> {
        let (rows, likely) = (self.labels.len() as f64, 1.0 / self.classes as f64);
        let variances = self.axes.squares.iter().map(|square| square / rows);
        let weights = variances.map(|variance| 1.0 / (likely * variance + penalty));
        let rows = weights.chain([1.0 / likely]);
        rows.flat_map(|scale| std::iter::repeat_n(scale, self.classes)).collect()
    }

    /// Turns the minimum back into a classifier of features as they are.
    fn solution(&self, found: Minimum, loss: f64) -> LogisticSolution {
        let (count, classes) = (self.axes.count, self.classes);
        let width = self.standardizer.mean.len();
        let (rotated, biases) = found.position.split_at(count * classes);
        let mut weights = vec![0.0; width * classes];
        let axes = Matrix::new(&self.axes.axes, count, width).transposed();
        multiply(axes, Matrix::new(rotated, count, classes), false, &mut weights);
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
            end: found.position,
        }
    }
}
