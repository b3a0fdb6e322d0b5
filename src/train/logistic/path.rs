//! The regularization path: solutions for a list of strengths, and the selection of one.

use crate::analysis::FeatureMatrix;
use crate::base::{Error, Result};
use crate::train::logistic::{LogisticProblem, LogisticSolution};
use serde::{Deserialize, Serialize};

/// Inverse strength of regularization without selection images; scikit-learn's default.
const DEFAULT_C: f64 = 1.0;

/// Metrics of the solution for one strength of regularization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathPoint {
    /// Inverse strength of regularization.
    pub c: f64,
    /// Mean cross-entropy on the labeled images.
    pub loss: f64,
    /// Minimized value: the loss plus the squared norm of the weights divided by `2 c rows`.
    pub objective: f64,
    /// Cross-entropy on the selection images.
    pub selection_loss: Option<f64>,
    /// Accuracy on the selection images.
    pub selection_accuracy: Option<f64>,
    /// Iterations of L-BFGS, which starts from the solution for the next smaller `c`.
    pub iterations: usize,
    /// Euclidean norm of the gradient of the objective.
    pub gradient_norm: f64,
}

/// The images that select `c`: raw features and classes.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// `[rows, width]`
    pub features: FeatureMatrix<'a>,
    /// `[rows]`
    pub labels: &'a [usize],
}

/// Metrics of all solutions, and the selected solution.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticPath {
    /// One point per strength of regularization, the strongest first.
    pub points: Vec<PathPoint>,
    /// Index of the selected point.
    pub selected: usize,
    /// Solution of the selected point.
    pub solution: LogisticSolution,
    /// Whether `c` is 1 instead of a value of the list, because there were no selection images.
    pub used_default_c: bool,
}

impl LogisticPath {
    /// Returns the selected point.
    pub fn best(&self) -> &PathPoint {
        &self.points[self.selected]
    }
}

/// Solves a problem for each value of `grid`, from the strongest regularization to the weakest, each starting from the
/// previous solution, and selects the one with the highest accuracy on `selection`; among equal ones the one with the
/// lowest loss, then with the smallest `c`. Without selection images, a grid of one value is kept and any other is
/// replaced by `c = 1`.
///
/// # Errors
/// As for [`LogisticProblem::solve`], and those of `check_interrupted`, which is called before each value.
pub fn solve_path(
    problem: &LogisticProblem<'_>,
    grid: &[f64],
    selection: Selection<'_>,
    check_interrupted: &dyn Fn() -> Result<()>,
) -> Result<LogisticPath> {
    let used_default_c = selection.labels.is_empty() && grid.len() != 1;
    let mut grid = if used_default_c { vec![DEFAULT_C] } else { grid.to_vec() };
    grid.sort_by(f64::total_cmp);
    let (mut points, mut best): (Vec<PathPoint>, Option<(usize, LogisticSolution)>) = (Vec::new(), None);
    let mut last: Option<LogisticSolution> = None;
    for c in grid {
        check_interrupted()?;
        let solution = problem.solve(c, last.as_ref())?;
        let point = measure(c, &solution, selection, problem.class_weights());
        if best.as_ref().is_none_or(|(index, _)| is_better(&point, &points[*index])) {
            best = Some((points.len(), solution.clone()));
        }
        points.push(point);
        last = Some(solution);
    }
    let (selected, solution) = best.ok_or_else(|| Error::bug("the list of regularization strengths is empty"))?;
    Ok(LogisticPath { points, selected, solution, used_default_c })
}

fn measure(c: f64, solution: &LogisticSolution, selection: Selection<'_>, class_weights: Option<&[f64]>) -> PathPoint {
    let measured = (!selection.labels.is_empty())
        .then(|| solution.classifier.evaluate(selection.features, selection.labels, class_weights));
    PathPoint {
        c,
        loss: solution.loss,
        objective: solution.objective,
        selection_loss: measured.map(|(loss, _)| loss),
        selection_accuracy: measured.map(|(_, accuracy)| accuracy),
        iterations: solution.iterations,
        gradient_norm: solution.gradient_norm,
    }
}

/// Returns whether a point is better than one with a smaller `c`.
fn is_better(point: &PathPoint, than: &PathPoint) -> bool {
    let key = |point: &PathPoint| (point.selection_accuracy, point.selection_loss.map(|loss| -loss));
    key(point) > key(than)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::standardize::Standardizer;

    fn point(c: f64, accuracy: f64, loss: f64) -> PathPoint {
        let (selection_loss, selection_accuracy) = (Some(loss), Some(accuracy));
        PathPoint {
            c,
            loss: 0.0,
            objective: 0.0,
            selection_loss,
            selection_accuracy,
            iterations: 1,
            gradient_norm: 0.0,
        }
    }

    #[test]
    fn points_are_ordered_by_accuracy_then_loss_then_c() {
        let first = point(1.0, 0.5, 1.0);
        assert!(is_better(&point(2.0, 0.6, 9.0), &first));
        assert!(is_better(&point(2.0, 0.5, 0.9), &first));
        assert!(!is_better(&point(2.0, 0.5, 1.0), &first));
        assert!(!is_better(&point(2.0, 0.4, 0.1), &first));
    }

    #[test]
    fn without_selection_images_c_is_one_unless_given() {
        let values = [0.0f32, 0.3, 1.0, 0.9, 0.2, 1.5];
        let features = FeatureMatrix::new(6, 1, &values);
        let standardizer = Standardizer::fit(features);
        let problem = LogisticProblem::new(features, &[0, 0, 1, 1, 0, 1], 2, &standardizer).unwrap();
        let nothing = Selection { features: FeatureMatrix::new(0, 1, &[]), labels: &[] };
        let path = solve_path(&problem, &[0.1, 10.0], nothing, &|| Ok(())).unwrap();
        assert_eq!((path.best().c, path.used_default_c, path.points.len()), (1.0, true, 1));
        let path = solve_path(&problem, &[10.0], nothing, &|| Ok(())).unwrap();
        assert_eq!((path.best().c, path.used_default_c), (10.0, false));
        let all = Selection { features, labels: &[0, 0, 1, 1, 0, 1] };
        let path = solve_path(&problem, &[10.0, 0.1], all, &|| Ok(())).unwrap();
        assert_eq!(path.points.iter().map(|point| point.c).collect::<Vec<_>>(), [0.1, 10.0]);
        assert_eq!((path.best().c, path.best().selection_accuracy), (10.0, Some(1.0)));
        assert_eq!(path.solution.classifier.predict(features), [0, 0, 1, 1, 0, 1]);
    }
}
