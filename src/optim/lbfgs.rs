//! L-BFGS: minimization of a smooth function from its value and gradient, in f64.
//!
//! Sources: the two-loop recursion is algorithm 7.4 of Nocedal and Wright, Numerical Optimization (2nd edition), with a
//! diagonal initial matrix scaled as in their equation 7.20; the line search is in `wolfe`.

use crate::optim::wolfe::{self, LinePoint};
use std::collections::VecDeque;

/// Settings of L-BFGS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Lbfgs {
    /// Number of pairs of steps and gradient differences that are kept.
    pub memory: usize,
    /// Euclidean norm of the gradient at which it has converged.
    pub tolerance: f64,
    /// Maximum number of iterations.
    pub max_iterations: usize,
}

/// The result of a minimization.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Minimum {
    /// The point.
    pub position: Vec<f64>,
    /// Value of the function at the point.
    pub value: f64,
    /// Euclidean norm of the gradient at the point.
    pub gradient_norm: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// Whether the norm is at most the tolerance. Otherwise the maximum number of iterations was reached, or rounding
    /// left no descent direction.
    pub has_converged: bool,
}

impl Lbfgs {
    /// Minimizes `function`, which writes its gradient and returns its value, from `start`. `scale` approximates the
    /// diagonal of the inverse Hessian matrix; only the ratios of its values count.
    pub(crate) fn minimize(
        &self,
        start: Vec<f64>,
        scale: &[f64],
        mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    ) -> Minimum {
        let mut here = LinePoint::at(start, &mut function);
        let mut history = History { pairs: VecDeque::new(), limit: self.memory.max(1), scale };
        let mut iterations = 0;
        while norm(&here.gradient) > self.tolerance && iterations < self.max_iterations {
            let direction = history.direction(&here.gradient);
            // Without a history the norm of the direction is arbitrary: the first step has a norm of at most 1.
            let first_step = if history.pairs.is_empty() { (1.0 / norm(&direction)).min(1.0) } else { 1.0 };
            let Some(next) = wolfe::search(&here, &direction, first_step, &mut function) else {
                if history.pairs.is_empty() {
                    break;
                }
                // The history may be misleading: retry along the scaled gradient.
                history.pairs.clear();
                continue;
            };
            history.add(&here, &next);
            here = next;
            iterations += 1;
        }
        let gradient_norm = norm(&here.gradient);
        let has_converged = gradient_norm <= self.tolerance;
        Minimum { position: here.position, value: here.value, gradient_norm, iterations, has_converged }
    }
}

/// A step and the change of the gradient over it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// Their inner product, above 0.
    curvature: f64,
}

/// The last steps, from which the inverse Hessian matrix is approximated.
struct History<'a> {
    pairs: VecDeque<Pair>,
    limit: usize,
    scale: &'a [f64],
}

impl History<'_> {
    /// Returns minus the approximate inverse Hessian matrix times the gradient.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut weights = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let weight = dot(&pair.step, &direction) / pair.curvature;
            add_scaled(&mut direction, -weight, &pair.change);
            weights.push(weight);
        }
        let factor = self.scale_factor();
        direction.iter_mut().zip(self.scale).for_each(|(d, scale)| *d *= factor * scale);
        for (pair, weight) in self.pairs.iter().zip(weights.into_iter().rev()) {
            let correction = weight - dot(&pair.change, &direction) / pair.curvature;
            add_scaled(&mut direction, correction, &pair.step);
        }
        direction
    }

    /// Returns the factor on `scale`, from the newest pair.
    fn scale_factor(&self) -> f64 {
        let Some(Pair { change, curvature, .. }) = self.pairs.back() else { return 1.0 };
        curvature / change.iter().zip(self.scale).map(|(y, scale)| y * y * scale).sum::<f64>()
    }

    fn add(&mut self, from: &LinePoint, to: &LinePoint) {
        let step = difference(&to.position, &from.position);
        let change = difference(&to.gradient, &from.gradient);
        let curvature = dot(&step, &change);
        // Rounding near the minimum can leave a pair without curvature, which would make the matrix indefinite.
        if curvature > f64::EPSILON * norm(&step) * norm(&change) {
            self.pairs.push_back(Pair { step, change, curvature });
        }
        if self.pairs.len() > self.limit {
            self.pairs.pop_front();
        }
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add_scaled(sum: &mut [f64], factor: f64, values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Lbfgs = Lbfgs { memory: 10, tolerance: 1e-9, max_iterations: 2000 };

    fn assert_minimum(found: &Minimum, wanted: &[f64]) {
        assert!(found.has_converged, "{found:?}");
        for (got, wanted) in found.position.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-6, "{found:?}");
        }
    }

    /// Rosenbrock's valley in pairs of coordinates (Moré, Garbow and Hillstrom 1981, function 21).
    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for (x, g) in x.chunks(2).zip(gradient.chunks_mut(2)) {
            let (steep, flat) = (x[1] - x[0] * x[0], 1.0 - x[0]);
            value += 100.0 * steep * steep + flat * flat;
            (g[0], g[1]) = (-400.0 * steep * x[0] - 2.0 * flat, 200.0 * steep);
        }
        value
    }

    /// Powell's singular function: its Hessian matrix is singular at the minimum (the same, function 13).
    fn powell(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b, c, d) = (x[0] + 10.0 * x[1], x[2] - x[3], x[1] - 2.0 * x[2], x[0] - x[3]);
        gradient[0] = 2.0 * a + 40.0 * d.powi(3);
        gradient[1] = 20.0 * a + 4.0 * c.powi(3);
        gradient[2] = 10.0 * b - 8.0 * c.powi(3);
        gradient[3] = -10.0 * b - 40.0 * d.powi(3);
        a * a + 5.0 * b * b + c.powi(4) + 10.0 * d.powi(4)
    }

    #[test]
    fn standard_functions_from_standard_starts_converge() {
        let start = [-1.2, 1.0].repeat(10);
        assert_minimum(&EXACT.minimize(start, &[1.0; 20], rosenbrock), &[1.0; 20]);
        let found = EXACT.minimize(vec![3.0, -1.0, 0.0, 1.0], &[1.0; 4], powell);
        assert!(found.has_converged && found.value < 1e-11, "{found:?}");
    }

    #[test]
    fn a_matching_diagonal_preconditions_an_ill_conditioned_bowl() {
        let curvature: Vec<f64> = (0..40).map(|i| 10f64.powf(f64::from(i) / 5.0 - 4.0)).collect();
        let bowl = |x: &[f64], gradient: &mut [f64]| {
            let terms = x.iter().zip(&curvature).zip(gradient).map(|((x, curvature), g)| {
                *g = curvature * (x - 1.0);
                0.5 * curvature * (x - 1.0) * (x - 1.0)
            });
            terms.sum()
        };
        let inverse: Vec<f64> = curvature.iter().map(|curvature| 1.0 / curvature).collect();
        let scaled = EXACT.minimize(vec![0.0; 40], &inverse, bowl);
        let plain = EXACT.minimize(vec![0.0; 40], &[1.0; 40], bowl);
        assert!(scaled.has_converged && scaled.iterations <= 5, "{scaled:?}");
        assert!(plain.iterations > 5 * scaled.iterations, "{} and {}", plain.iterations, scaled.iterations);
    }

    #[test]
    fn it_terminates_without_a_minimum() {
        let line = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = -1.0;
            -x[0]
        };
        let found = Lbfgs { max_iterations: 5, ..EXACT }.minimize(vec![0.0], &[1.0], line);
        assert!(!found.has_converged);
        let nan = |_: &[f64], gradient: &mut [f64]| {
            gradient[0] = 1.0;
            f64::NAN
        };
        let found = EXACT.minimize(vec![2.0], &[1.0], nan);
        assert_eq!((found.has_converged, found.iterations, found.position[0]), (false, 0, 2.0));
    }
}
