//! Axes: range, ticks and tick labels.

use crate::base::human;

/// Approximate number of ticks per axis.
const TICKS: f64 = 5.0;
/// Maximum distance of a value from the ends of an axis, as a fraction of its length.
const MAX_OVERSHOOT: f64 = 0.5;
/// Minimum ratio of the ends of a logarithmic axis.
const MIN_LOG_RATIO: f64 = 20.0;

/// How values of an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A whole number.
    Epoch,
    /// A number.
    Number,
    /// 0.41 as "41 %".
    Percent,
    /// 0.029 as "+2.9".
    Points,
    /// The text of the tick at a value.
    Category,
}

impl Format {
    /// Name for the script of the page.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Number => "number",
            Self::Percent => "percent",
            Self::Points => "points",
            Self::Category => "category",
        }
    }
}

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
    /// How values are written.
    pub(crate) format: Format,
    /// Whether equal distances are equal ratios.
    pub(crate) is_log: bool,
}

impl Axis {
    /// Creates an axis from the minimum to the maximum value, extended to round ticks.
    pub(crate) fn linear(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self::between(title, padded(range(values)), Format::Number)
    }

    /// Creates an axis from 0 to exactly the last epoch, with ticks at whole epochs.
    pub(crate) fn epochs(values: impl IntoIterator<Item = f64>) -> Self {
        let (_, high) = range(values);
        let high = high.max(1.0);
        // 2.5 becomes 2.
        let step = round_step(high).floor().max(1.0);
        let count = (high / step + 1e-9).floor().min(4.0 * TICKS) as usize;
        let ticks = (0..=count).map(|at| at as f64 * step).map(|at| (at, human::trimmed(at, 0))).collect();
        Self { title: "Epoch".into(), low: 0.0, high, ticks, format: Format::Epoch, is_log: false }
    }

    /// Creates an axis in percent around the values, within 0 and 100 %.
    pub(crate) fn percent(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = padded(range(values.into_iter().map(|value| value.clamp(0.0, 1.0))));
        let axis = Self::between(title, (low, high), Format::Percent);
        Self { low: axis.low.max(0.0), high: axis.high.min(1.0), ..axis }.within()
    }

    /// Creates an axis in percentage points around differences.
    pub(crate) fn points(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self::between(title, padded(range(values)), Format::Points)
    }

    /// Creates an axis in percent from zero, for bars.
    pub(crate) fn from_zero(title: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let axis = Self::percent(title, values.into_iter().chain([0.0]));
        Self { low: 0.0, ..axis }.within()
    }

    /// Creates a categorical axis with names at 0, 1, 2 ...
    pub(crate) fn categories(title: &str, names: Vec<String>) -> Self {
        let high = names.len().max(1) as f64 - 0.5;
        let ticks = names.into_iter().enumerate().map(|(at, name)| (at as f64, name)).collect();
        Self { title: title.into(), low: -0.5, high, ticks, format: Format::Category, is_log: false }
    }

    /// Creates an axis with a tick at each value; logarithmic if the values are positive and span a large range.
    pub(crate) fn at_values(title: &str, mut ticks: Vec<(f64, String)>) -> Self {
        ticks.retain(|(value, _)| value.is_finite());
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        ticks.dedup_by(|a, b| a.0 == b.0);
        let (low, high) = range(ticks.iter().map(|(value, _)| *value));
        let is_log = low > 0.0 && high / low >= MIN_LOG_RATIO;
        let (low, high) = if is_log {
            let pad = (high / low).powf(0.06);
            (low / pad, high * pad)
        } else {
            let pad = 0.06 * (high - low).max(1e-9 * high.abs().max(1.0));
            (low - pad, high + pad)
        };
        Self { title: title.into(), low, high, ticks, format: Format::Category, is_log }
    }

    fn between(title: &str, (low, high): (f64, f64), format: Format) -> Self {
        let step = round_step(high - low);
        // An end that is a tick up to rounding stays the end.
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let count = (last - first).clamp(1.0, 4.0 * TICKS) as usize;
        let values: Vec<f64> = (0..=count).map(|at| (first + at as f64) * step).collect();
        let (texts, power) = texts(&values, step, format);
        let title = if power == 0 { title.to_owned() } else { format!("{title} (× 10{})", superscript(power)) };
        let ticks = values.into_iter().zip(texts).collect();
        Self { title, low: first * step, high: last * step, ticks, format, is_log: false }
    }

    fn within(mut self) -> Self {
        let slack = 1e-9 * (self.high - self.low);
        self.ticks.retain(|(value, _)| (self.low - slack..=self.high + slack).contains(value));
        self
    }

    /// Returns the position of a value, 0 at the low and 1 at the high end; `None` if it is NaN or far off the axis.
    pub(crate) fn fraction(&self, value: f64) -> Option<f64> {
        let fraction = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (-MAX_OVERSHOOT..=1.0 + MAX_OVERSHOOT).contains(&fraction).then_some(fraction)
    }
}

/// Returns the labels of ticks, all with the same number of decimals, and the power of ten that they leave out.
fn texts(values: &[f64], step: f64, format: Format) -> (Vec<String>, i32) {
    let scale = if matches!(format, Format::Percent | Format::Points) { 100.0 } else { 1.0 };
    let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    let power = match format {
        Format::Number if step < 0.9e-4 || size >= 1e5 => size.log10().floor() as i32,
        _ => 0,
    };
    let unit = scale * 10_f64.powi(-power);
    let decimals = (0..6).find(|decimals| {
        let shifted = step * unit * 10_f64.powi(*decimals);
        (shifted - shifted.round()).abs() < 1e-6 * shifted
    });
    let decimals = decimals.unwrap_or(6) as usize;
    let text = |value: &f64| {
        let value = value * unit;
        let digits = format!("{:.decimals$}", value.abs());
        let is_zero = digits.chars().all(|c| matches!(c, '0' | '.'));
        let sign = match format {
            _ if is_zero => "",
            _ if value < 0.0 => "\u{2212}",
            Format::Points => "+",
            _ => "",
        };
        let percent = if format == Format::Percent { " %" } else { "" };
        format!("{sign}{digits}{percent}")
    };
    (values.iter().map(text).collect(), power)
}

/// Formats an exponent: "⁻⁴".
fn superscript(power: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        c => c.to_digit(10).and_then(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize)).unwrap_or(c),
    };
    power.to_string().chars().map(digit).collect()
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
    }

    #[test]
    fn labels_of_an_axis_have_the_same_decimals_and_minus_signs() {
        let rates = ["0.0000", "0.0005", "0.0010", "0.0015", "0.0020"];
        assert_eq!(texts(&Axis::linear("rate", [0.0, 0.002])), rates);
        let axis = Axis::linear("rate", [0.0, 2e-5]);
        assert_eq!((axis.title.as_str(), texts(&axis)), ("rate (× 10⁻⁵)", vec!["0.0", "0.5", "1.0", "1.5", "2.0"]));
        assert_eq!(
            texts(&Axis::linear("u", [-0.52, -0.06])),
            ["\u{2212}0.6", "\u{2212}0.5", "\u{2212}0.4", "\u{2212}0.3", "\u{2212}0.2", "\u{2212}0.1", "0.0"]
        );
        assert_eq!(texts(&Axis::points("d", [-0.026, 0.02])), ["\u{2212}3", "\u{2212}2", "\u{2212}1", "0", "+1", "+2"]);
    }

    #[test]
    fn epochs_are_whole() {
        for last in 1..=300 {
            let axis = Axis::epochs([f64::from(last)]);
            assert!(axis.ticks.iter().all(|(value, _)| value.fract() == 0.0), "{last}: {axis:?}");
            assert!((2..=9).contains(&axis.ticks.len()), "{last}: {:?}", texts(&axis));
        }
        assert_eq!(texts(&Axis::epochs([8.0])), ["0", "2", "4", "6", "8"]);
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
            let axis = Axis::at_values("", values.iter().map(|value| (*value, String::new())).collect());
            assert!(axis.low < axis.high && axis.fraction(f64::NAN).is_none(), "{values:?} {axis:?}");
        }
    }

    #[test]
    fn label_fractions_have_a_logarithmic_axis() {
        let axis = Axis::at_values(
            "labels",
            [(0.01, "1 %"), (0.1, "10 %"), (1.0, "100 %")].map(|(at, text)| (at, text.to_owned())).into(),
        );
        let middle = axis.fraction(0.1).unwrap();
        assert!((middle - 0.5).abs() < 1e-9, "{middle}");
        assert_eq!(texts(&axis), ["1 %", "10 %", "100 %"]);
    }
}
