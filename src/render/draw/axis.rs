//! Axes: range, ticks and tick labels.

use crate::base::human;
use crate::render::words;

/// Approximate number of ticks per axis.
const TICKS: f64 = 5.0;
/// Maximum distance of a value from the ends of an axis, as a fraction of its length.
const MAX_OVERSHOOT: f64 = 0.5;
/// Minimum ratio of the ends of a logarithmic axis.
const MIN_LOG_RATIO: f64 = 20.0;

/// One axis of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Title, with the unit.
    pub(crate) title: String,
    /// Minimum value.
    pub(crate) low: f64,
    /// Maximum value.
    pub(crate) high: f64,
    /// Ticks: value and label.
    pub(crate) ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl Axis {
    /// Creates an axis from the minimum to the maximum value, extended to round ticks.
    pub(crate) fn linear(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values));
        Self::between(title, low, high, words::number)
    }

    /// Creates an axis from 0 to exactly the last epoch.
    pub(crate) fn epochs(values: impl IntoIterator<Item = f64>) -> Self {
        let (_, high) = range(values);
        let high = high.max(1.0);
        let step = round_step(high).max(1.0);
        let count = (high / step + 1e-9).floor().min(4.0 * TICKS) as usize;
        let ticks = (0..=count).map(|at| (at as f64 * step, words::number(at as f64 * step))).collect();
        Self { title: "Epoch".into(), low: 0.0, high, ticks, logarithmic: false }
    }

    /// Creates an axis in percent around the values, within 0 and 100 %.
    pub(crate) fn percent(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values.into_iter().map(|value| value.clamp(0.0, 1.0))));
        let axis = Self::between(title, low, high, |value| format!("{} %", human::trimmed(100.0 * value, 2)));
        Self { low: axis.low.max(0.0), high: axis.high.min(1.0), ..axis }.within()
    }

    /// Creates an axis in percentage points around differences.
    pub(crate) fn points(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values));
        Self::between(title, low, high, words::points_tick)
    }

    /// Creates an axis in percent from zero, for bars.
    pub(crate) fn from_zero(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self::percent(title, values.into_iter().chain([0.0])).starting_at_zero()
    }

    /// Creates a categorical axis with names at 0, 1, 2 ...
    pub(crate) fn categories(title: &str, names: Vec<String>) -> Self {
        let high = names.len().max(1) as f64 - 0.5;
        let ticks = names.into_iter().enumerate().map(|(at, name)| (at as f64, name)).collect();
        Self { title: title.into(), low: -0.5, high, ticks, logarithmic: false }
    }

    /// Creates an axis with a tick at each value; logarithmic if the values are positive and span a large range.
    pub(crate) fn at_values(title: &str, mut values: Vec<f64>, text: impl Fn(f64) -> String) -> Self {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (low, high) = range(values.iter().copied());
        let logarithmic = low > 0.0 && high / low >= MIN_LOG_RATIO;
        let ticks = values.iter().map(|&value| (value, text(value))).collect();
        let (low, high) = if logarithmic {
            let pad = (high / low).powf(0.06);
            (low / pad, high * pad)
        } else {
            let pad = 0.06 * (high - low).max(1e-9 * high.abs().max(1.0));
            (low - pad, high + pad)
        };
        Self { title: title.into(), low, high, ticks, logarithmic }
    }

    fn between(title: &str, low: f64, high: f64, text: impl Fn(f64) -> String) -> Self {
        let step = round_step(high - low);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let count = (last - first).clamp(1.0, 4.0 * TICKS) as usize;
        let ticks = (0..=count).map(|at| (first + at as f64) * step).map(|value| (value, text(value))).collect();
        Self { title: title.into(), low: first * step, high: last * step, ticks, logarithmic: false }
    }

    fn starting_at_zero(self) -> Self {
        Self { low: 0.0, ..self }.within()
    }

    fn within(mut self) -> Self {
        let slack = 1e-9 * (self.high - self.low);
        self.ticks.retain(|(value, _)| (self.low - slack..=self.high + slack).contains(value));
        self
    }

    /// Returns the position of a value, 0 at the low and 1 at the high end; `None` if it is NaN or far off the axis.
    pub(crate) fn fraction(&self, value: f64) -> Option<f64> {
        let fraction = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (-MAX_OVERSHOOT..=1.0 + MAX_OVERSHOOT).contains(&fraction).then_some(fraction)
    }
}

/// Returns the minimum and maximum finite value; 0 and 1 without any.
fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Widens an empty range.
fn padded((low, high): (f64, f64)) -> (f64, f64) {
    let min = 1e-3 * low.abs().max(high.abs()).max(1e-6);
    if high - low >= min { (low, high) } else { (low - 5.0 * min, high + 5.0 * min) }
}

/// Returns 1, 2, 2.5 or 5 times a power of ten, so that a range gets about [`TICKS`] ticks.
fn round_step(range: f64) -> f64 {
    let rough = (range / TICKS).clamp(1e-300, 1e300);
    let power = 10_f64.powf(rough.log10().floor());
    let digit = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|digit| digit * power >= rough * 0.999).unwrap_or(10.0);
    digit * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let axis = Axis::linear("loss", [1.649, 4.851]);
        assert_eq!(texts(&axis), ["1", "2", "3", "4", "5"]);
        assert_eq!((axis.low, axis.high), (1.0, 5.0));
        let axis = Axis::percent("accuracy", [0.41, 0.62]);
        assert_eq!(texts(&axis), ["40 %", "45 %", "50 %", "55 %", "60 %", "65 %"]);
        assert_eq!(texts(&Axis::epochs([200.0])), ["0", "50", "100", "150", "200"]);
    }

    #[test]
    fn an_axis_is_finite_for_any_values() {
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![1e308, -1e308], vec![5.0, 5.0], vec![f64::INFINITY, 1.0]]
        {
            for axis in
                [Axis::linear("", values.clone()), Axis::percent("", values.clone()), Axis::epochs(values.clone())]
            {
                assert!(axis.low < axis.high, "{values:?} {axis:?}");
                assert!(axis.ticks.len() < 50 && axis.ticks.iter().all(|(value, _)| value.is_finite()), "{axis:?}");
            }
            let axis = Axis::at_values("", values.clone(), words::number);
            assert!(axis.low < axis.high && axis.fraction(f64::NAN).is_none(), "{values:?} {axis:?}");
        }
    }

    #[test]
    fn label_fractions_have_a_logarithmic_axis() {
        let axis = Axis::at_values("labels", vec![0.01, 0.1, 1.0], words::label_fraction);
        let middle = axis.fraction(0.1).unwrap();
        assert!((middle - 0.5).abs() < 1e-9, "{middle}");
        assert_eq!(texts(&axis), ["1 %", "10 %", "100 %"]);
    }
}
