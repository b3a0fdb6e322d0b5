//! A line search for the strong Wolfe conditions: sufficient decrease of the value and of the slope.
//!
//! Sources: Nocedal and Wright, Numerical Optimization (2nd edition), algorithms 3.5 and 3.6 with the cubic
//! interpolation of their equation 3.59; bracketing and zooming are one loop. Close to a minimum, where the change of
//! the value is below rounding error, the approximate Wolfe condition of Hager and Zhang (2005, section 4) uses slopes
//! only.

use crate::optim::lbfgs::dot;

/// Minimum decrease of the value, as a fraction of the decrease predicted by the slope.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Maximum absolute slope, as a fraction of the initial one.
const CURVATURE: f64 = 0.9;
/// Differences of values below this fraction of the value are rounding error.
const ROUNDING: f64 = 1e-13;
/// Maximum number of evaluations of a search.
const MAX_EVALUATIONS: usize = 40;
/// Factor on the step while the minimum is not bracketed.
const GROWTH: f64 = 3.0;
/// Minimum distance of an interpolated step from the ends of the interval, as a fraction of the interval.
const MARGIN: f64 = 0.1;

/// A point on the line.
#[derive(Clone, Debug)]
pub(super) struct LinePoint {
    /// Distance from the start, in units of the direction.
    step: f64,
    pub(super) value: f64,
    /// Derivative along the direction.
    slope: f64,
    pub(super) position: Vec<f64>,
    pub(super) gradient: Vec<f64>,
}

impl LinePoint {
    pub(super) fn at(position: Vec<f64>, function: &mut impl FnMut(&[f64], &mut [f64]) -> f64) -> Self {
        let mut gradient = vec![0.0; position.len()];
        let value = function(&position, &mut gradient);
        Self { step: 0.0, value, slope: 0.0, position, gradient }
    }
}

/// Returns the first point found along `direction` from `start` that satisfies the strong Wolfe conditions; none if the
/// value does not decrease.
pub(super) fn search(
    start: &LinePoint,
    direction: &[f64],
    first_step: f64,
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<LinePoint> {
    let start = LinePoint { step: 0.0, slope: dot(&start.gradient, direction), ..start.clone() };
    if start.slope >= 0.0 || !start.slope.is_finite() {
        return None;
    }
    // The minimum is between `low`, the best point so far, and `high`, once it is set.
    let (mut low, mut high): (LinePoint, Option<LinePoint>) = (start.clone(), None);
    let mut step = first_step;
    for _ in 0..MAX_EVALUATIONS {
        let position = start.position.iter().zip(direction).map(|(x, d)| x + step * d).collect();
        let mut point = LinePoint::at(position, function);
        (point.step, point.slope) = (step, dot(&point.gradient, direction));
        if !has_decreased(&point, &start) || point.value > low.value + rounding(&start) {
            high = Some(point);
        } else if point.slope.abs() <= CURVATURE * start.slope.abs() {
            return Some(point);
        } else {
            // Without `high` the interval is unbounded.
            let ahead = high.as_ref().map_or(1.0, |high| high.step - low.step);
            let passed = point.slope * ahead >= 0.0;
            let before = std::mem::replace(&mut low, point);
            if passed {
                high = Some(before);
            }
        }
        step = match &high {
            Some(high) => interpolated(&low, high),
            None => GROWTH * low.step,
        };
    }
    (low.step > 0.0).then_some(low)
}

/// Whether the value has decreased sufficiently; decided by the slope if the change is rounding error.
fn has_decreased(point: &LinePoint, start: &LinePoint) -> bool {
    let wolfe = point.value <= start.value + SUFFICIENT_DECREASE * point.step * start.slope;
    let is_rounding = (point.value - start.value).abs() <= rounding(start);
    wolfe || is_rounding && point.slope <= (2.0 * SUFFICIENT_DECREASE - 1.0) * start.slope
}

fn rounding(start: &LinePoint) -> f64 {
    ROUNDING * start.value.abs()
}

/// Returns the minimum of the cubic through values and slopes of two points, kept away from both; the midpoint if the
/// cubic has no minimum.
fn interpolated(low: &LinePoint, high: &LinePoint) -> f64 {
    let width = high.step - low.step;
    let midpoint = low.step + 0.5 * width;
    let first = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let square = first * first - low.slope * high.slope;
    if square.is_nan() || square < 0.0 {
        return midpoint;
    }
    let second = square.sqrt().copysign(width);
    let fraction = 1.0 - (high.slope + second - first) / (high.slope - low.slope + 2.0 * second);
    if fraction.is_finite() { low.step + fraction.clamp(MARGIN, 1.0 - MARGIN) * width } else { midpoint }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the point that a search from 0 to the right finds.
    fn found(first_step: f64, function: impl Fn(f64) -> (f64, f64)) -> Option<LinePoint> {
        let mut function = |x: &[f64], gradient: &mut [f64]| {
            let (value, slope) = function(x[0]);
            gradient[0] = slope;
            value
        };
        let start = LinePoint::at(vec![0.0], &mut function);
        search(&start, &[1.0], first_step, &mut function)
    }

    #[test]
    fn both_conditions_hold_for_any_first_step() {
        // Functions 1 and 2 of Moré and Thuente (1994): slopes change far from the minimum.
        let first = |x: f64| (-x / (x * x + 2.0), (x * x - 2.0) / (x * x + 2.0).powi(2));
        let second = |x: f64| {
            let t = x + 0.004;
            (t.powi(5) - 2.0 * t.powi(4), 5.0 * t.powi(4) - 8.0 * t.powi(3))
        };
        for step in [1e-3, 1e-1, 1.0, 10.0, 1e3] {
            for function in [first as fn(f64) -> (f64, f64), second] {
                let (value, slope) = function(0.0);
                let point = found(step, function).unwrap();
                assert!(point.value <= value + SUFFICIENT_DECREASE * point.step * slope, "{step}: {point:?}");
                assert!(point.slope.abs() <= CURVATURE * slope.abs(), "{step}: {point:?}");
            }
        }
    }

    #[test]
    fn steps_to_values_that_are_not_finite_are_shortened() {
        let barrier =
            |x: f64| if x < 1.0 { (-x - (1.0 - x).ln(), -1.0 + 1.0 / (1.0 - x)) } else { (f64::NAN, f64::NAN) };
        let point = found(100.0, |x| (barrier(x).0 - 3.0 * x, barrier(x).1 - 3.0)).unwrap();
        assert!(point.step > 0.0 && point.step < 1.0, "{point:?}");
    }

    #[test]
    fn an_uphill_direction_finds_no_point() {
        assert!(found(1.0, |x| (x, 1.0)).is_none());
    }
}
