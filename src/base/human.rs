//! Human-readable durations, sizes and numbers.

use std::time::Duration;

/// Seconds in a minute, an hour, a day.
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Formats a duration: `< 0.01 s`, `0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub(crate) fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    match elapsed.as_secs() {
        0 if !elapsed.is_zero() && seconds < 0.005 => "< 0.01 s".to_owned(),
        0..10 => format!("{seconds:.2} s"),
        10..MINUTE if seconds < 59.95 => format!("{seconds:.1} s"),
        // It would round to `60.0 s`.
        10..MINUTE => "1 min 00 s".to_owned(),
        whole @ MINUTE..HOUR => format!("{} min {:02} s", whole / MINUTE, whole % MINUTE),
        whole => format!("{} h {:02} min", whole / HOUR, whole % HOUR / MINUTE),
    }
}

/// Same as [`duration`], for a number of seconds. Values above the range of [`Duration`] are clamped to its maximum;
/// negative values and NaN count as 0.
pub(crate) fn seconds(seconds: f64) -> String {
    let clamped = if seconds > 0.0 { Duration::MAX } else { Duration::ZERO };
    duration(Duration::try_from_secs_f64(seconds).unwrap_or(clamped))
}

/// Formats an estimate of a number of seconds: `< 1 s`, `12 s`, `4 min 05 s`, `2 h 03 min`.
pub(crate) fn rough_seconds(estimate: f64) -> String {
    match estimate.round() {
        ..1.0 => "< 1 s".to_owned(),
        whole if whole < MINUTE as f64 => format!("{whole} s"),
        whole => seconds(whole),
    }
}

/// Formats a fraction as a percentage with one decimal, "52.8 %"; halves are rounded up.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.1} %", (1000.0 * fraction).round() / 10.0)
}

/// Formats a number with at most `decimals` decimals and no trailing zeros.
pub(crate) fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Formats a number as briefly as possible: `0.1`, `5e-324`, `1e308`.
pub(crate) fn number(value: f64) -> String {
    let is_near = value == 0.0 || (1e-6..1e16).contains(&value.abs());
    if is_near || !value.is_finite() { value.to_string() } else { format!("{value:e}") }
}

/// Formats a count with its noun: `1 stage`, `3 stages`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Formats progress: `3/20 (15 %)  loss 2.31`.
pub(crate) fn progress(done: u64, total: u64, detail: &str) -> String {
    let percent = (100 * done).checked_div(total).unwrap_or(0);
    format!("{done}/{total} ({percent} %)  {detail}")
}

/// Formats an age in its largest unit: `12 s`, `5 min`, `3 h`, `1 day`, `40 days`.
pub(crate) fn age(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..MINUTE => format!("{seconds} s"),
        seconds @ MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h", seconds / HOUR),
        seconds if seconds < 2 * DAY => "1 day".to_owned(),
        seconds => format!("{} days", seconds / DAY),
    }
}

/// Formats a number of bytes in decimal units: `512 B`, `1.2 GB`, `340 MB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // 999.5 would round to a number of four digits.
    while value >= 999.5 {
        value /= 1000.0;
        unit = units.next();
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", unit.unwrap_or(&"EB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (milliseconds, text) in [
            (4, "< 0.01 s"),
            (421, "0.42 s"),
            (12_340, "12.3 s"),
            (59_960, "1 min 00 s"),
            (245_900, "4 min 05 s"),
            (2_799_000, "46 min 39 s"),
            (7_260_000, "2 h 01 min"),
            (7_380_000, "2 h 03 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn invalid_and_huge_seconds_are_clamped() {
        assert_eq!(seconds(12.34), "12.3 s");
        assert_eq!([seconds(-1.0), seconds(f64::NAN)], ["0.00 s", "0.00 s"]);
        assert_eq!(seconds(1e300), duration(Duration::MAX));
    }

    #[test]
    fn trailing_zeros_are_trimmed() {
        let trimmed = [(0.5, 4), (100.0, 4), (1.25, 1), (10.0, 0), (f64::NAN, 2)].map(|(value, n)| trimmed(value, n));
        assert_eq!(trimmed, ["0.5", "100", "1.2", "10", "NaN"]);
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, -0.1, 3.0, 123_456.75, 5e-324, -1e308, f64::NAN].map(number);
        assert_eq!(numbers, ["0", "-0.1", "3", "123456.75", "5e-324", "-1e308", "NaN"]);
    }

    #[test]
    fn ages() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (86_400, "1 day"),
            (172_799, "1 day"),
            (172_800, "2 days"),
            (34_560_000, "400 days"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
