//! A linear classifier as the exact solution of logistic regression.

use super::fit::{Data, Trained};
use crate::base::Result;
use crate::engine::Context;
use crate::stages::shared::artifacts;
use crate::stages::shared::evaluation::{self, Evaluation};
use crate::train::logistic::{LogisticPath, LogisticProblem, Selection, TOLERANCE, solve_path};
use crate::train::standardize::Standardizer;

/// Solves for each inverse strength of regularization of `grid`, and leaves the path in the artifact.
pub(super) fn train(data: &Data, grid: &[f64], context: &Context<'_>) -> Result<Trained> {
    let (set, features) = (&data.set, &data.features);
    let (rows, labels) = (features.rows(&data.labeled), evaluation::labels(set, &data.labeled));
    let standardizer = data.standardizer.clone().unwrap_or_else(|| Standardizer::centering(features.view(&rows)));
    let problem = LogisticProblem::new(features.view(&rows), &labels, set.classes().len(), &standardizer)?;
    let (chosen_on, chosen_labels) = (features.rows(&data.selection), evaluation::labels(set, &data.selection));
    let selection = Selection { features: features.view(&chosen_on), labels: &chosen_labels };
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
    Ok(Trained { classifier: path.solution.classifier, evaluation })
}

/// Notes what a reader of the result has to know.
fn report(path: &LogisticPath, context: &Context<'_>) {
    let (best, last) = (path.best(), path.points.len() - 1);
    if path.used_default_c {
        context.note("c = 1: there are no images to choose it on".to_owned());
    } else if last > 0 && (path.selected == 0 || path.selected == last) {
        context.note(format!(
            "c = {:e} is at the end of the list it was chosen from: a longer list may do better",
            best.c
        ));
    }
    if !path.solution.has_converged {
        context.warn(format!(
            "the gradient norm is {:.1e} and not below {TOLERANCE:e} at c = {:e}",
            best.gradient_norm, best.c
        ));
    }
}
