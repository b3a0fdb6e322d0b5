//! A linear classifier as the exact solution of logistic regression.

use super::fit::{LinearEvalData, TrainedClassifier};
use crate::base::Result;
use crate::engine::Context;
use crate::stages::shared::artifacts;
use crate::stages::shared::evaluation::{self, Evaluation};
use crate::train::logistic::{LogisticPath, LogisticProblem, Selection, TOLERANCE, solve_path};
use crate::train::standardize::Standardizer;

/// Solves the problem for each inverse regularization strength of `grid`, and writes the path to the artifact.
pub(super) fn train(data: &LinearEvalData, grid: &[f64], context: &Context<'_>) -> Result<TrainedClassifier> {
    let (set, features) = (&data.set, &data.features);
    let (rows, labels) = (features.rows(&data.labeled), evaluation::labels(set, &data.labeled));
    let standardizer = data.standardizer.clone().unwrap_or_else(|| Standardizer::centering(features.view(&rows)));
    let problem = LogisticProblem::new(features.view(&rows), &labels, set.classes().len(), &standardizer)?;
    let problem = match &data.class_weights {
        Some(weights) => problem.with_class_weights(weights),
        None => problem,
    };
    let (selection_rows, selection_labels) = (features.rows(&data.selection), evaluation::labels(set, &data.selection));
    let selection = Selection { features: features.view(&selection_rows), labels: &selection_labels };
    let path = solve_path(&problem, grid, selection, &|| context.check_interrupted())?;
    report(&path, context);
    artifacts::write_rows(&context.output().join(artifacts::REGULARIZATION), &path.points)?;
    let best = path.best();
    let evaluation = Evaluation {
        labeled: data.labeled.len(),
        width: features.width,
        c: Some(best.c),
        iterations: Some(best.iterations),
        gradient_norm: Some(best.gradient_norm),
        ..Evaluation::default()
    };
    Ok(TrainedClassifier { classifier: path.solution.classifier, evaluation })
}

/// Reports what a reader of the result should know.
fn report(path: &LogisticPath, context: &Context<'_>) {
    let (best, last) = (path.best(), path.points.len() - 1);
    if path.used_default_c {
        context.note("c = 1: there are no images to select it on".to_owned());
    } else if last > 0 && (path.selected == 0 || path.selected == last) {
        context.note(format!(
            "c = {:e} is the first or last value of its list: a longer list may give a better result",
            best.c
        ));
    }
    if !path.solution.has_converged {
        context.warn(format!(
            "the solver did not converge: the gradient norm is {:.1e}, not below {TOLERANCE:e}, at c = {:e}",
            best.gradient_norm, best.c
        ));
    }
}
