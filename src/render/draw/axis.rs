//! Axes: their range, ticks and the text at them.

use crate::render::words;

/// About so many ticks on an axis.
const TICKS: f64 = 5.0;
/// Values further from an axis than this part of its length have no place.
const FAR: f64 = 0.5;
/// A logarithmic axis from this ratio of its ends on.
const LOG_FROM_RATIO: f64 = 20.0;

/// One axis of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// What it shows, with its unit.
    pub(crate) title: String,
    /// Lowest value shown.
    pub(crate) low: f64,
    /// Highest value shown.
    pub(crate) high: f64,
    /// Values with a tick and the text at it.
    pub(crate) ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

impl Axis {
    /// From the lowest to the highest value, at round ticks.
    pub(crate) fn linear(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values));
        Self::between(title, low, high, words::number)
    }

    /// Epochs: from 0, exactly to the last.
    pub(crate) fn epochs(values: impl IntoIterator<Item = f64>) -> Self {
        let (_, high) = range(values);
        let high = high.max(1.0);
        let step = round_step(high).max(1.0);
        let count = (high / step + 1e-9).floor().min(4.0 * TICKS) as usize;
        let ticks = (0..=count).map(|at| (at as f64 * step, words::number(at as f64 * step))).collect();
        Self { title: "Epoch".into(), low: 0.0, high, ticks, logarithmic: false }
    }

    /// Accuracies as percent, around the values but within 0 and 100 %.
    pub(crate) fn percent(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values.into_iter().map(|value| value.clamp(0.0, 1.0))));
        let axis = Self::between(title, low, high, |value| format!("{} %", words::trimmed(100.0 * value, 2)));
        Self { low: axis.low.max(0.0), high: axis.high.min(1.0), ..axis }.within()
    }

    /// Differences of accuracies in points, around the values.
    pub(crate) fn points(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values));
        Self::between(title, low, high, words::points_tick)
    }

    /// From zero, as bars need.
    pub(crate) fn from_zero(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self::percent(title, values.into_iter().chain([0.0])).starting_at_zero()
    }

    /// Names at 0, 1, 2 ...
    pub(crate) fn categories(title: &str, names: Vec<String>) -> Self {
        let high = names.len().max(1) as f64 - 0.5;
        let ticks = names.into_iter().enumerate().map(|(at, name)| (at as f64, name)).collect();
        Self { title: title.into(), low: -0.5, high, ticks, logarithmic: false }
    }

    /// Positive values with a tick at each; logarithmic where they span much.
    pub(crate) fn at_values(title: &str, mut values: Vec<f64>, text: impl Fn(f64) -> String) -> Self {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (low, high) = range(values.iter().copied());
        let logarithmic = low > 0.0 && high / low >= LOG_FROM_RATIO;
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

    /// Where a value lies: 0 at the low end, 1 at the high end; none if it is no number or far from the axis.
    pub(crate) fn part(&self, value: f64) -> Option<f64> {
        let part = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (-FAR..=1.0 + FAR).contains(&part).then_some(part)
    }
}

/// Lowest and highest finite value; 0 and 1 without any.
fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) =
        finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Equal ends are moved apart.
fn padded((low, high): (f64, f64)) -> (f64, f64) {
    let least = 1e-3 * low.abs().max(high.abs()).max(1e-6);
    if high - low >= least { (low, high) } else { (low - 5.0 * least, high + 5.0 * least) }
}

/// 1, 2 or 5 times a power of ten, so that a range gets about [`TICKS`] ticks.
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
    fn an_axis_is_finite_whatever_the_values() {
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![1e308, -1e308], vec![5.0, 5.0], vec![f64::INFINITY, 1.0]]
        {
            for axis in
                [Axis::linear("", values.clone()), Axis::percent("", values.clone()), Axis::epochs(values.clone())]
            {
                assert!(axis.low < axis.high, "{values:?} {axis:?}");
                assert!(axis.ticks.len() < 50 && axis.ticks.iter().all(|(value, _)| value.is_finite()), "{axis:?}");
            }
            let axis = Axis::at_values("", values.clone(), words::number);
            assert!(axis.low < axis.high && axis.part(f64::NAN).is_none(), "{values:?} {axis:?}");
        }
    }

    #[test]
    fn label_fractions_are_spread_logarithmically() {
        let axis = Axis::at_values("labels", vec![0.01, 0.1, 1.0], words::share);
        let middle = axis.part(0.1).unwrap();
        assert!((middle - 0.5).abs() < 1e-9, "{middle}");
        assert_eq!(texts(&axis), ["1 %", "10 %", "100 %"]);
    }
}
