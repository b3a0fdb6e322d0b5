//! Multinomial logistic regression solved to convergence: the classifier of linear evaluation.

mod config;
mod objective;
mod path;
mod problem;

pub use config::{CGrid, LbfgsConfig};
pub use objective::Objective;
pub use path::{LogisticPath, PathPoint, Selection, solve_path};
pub use problem::{LogisticProblem, LogisticSolution, TOLERANCE};
