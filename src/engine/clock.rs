//! Wall-clock times as text, for records and logs. They never appear in the files of an artifact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;

/// Returns the current time in UTC as RFC 3339: `2026-04-14T09:03:27Z`.
pub(crate) fn now() -> String {
    text(SystemTime::now())
}

/// Formats a time in UTC as RFC 3339.
pub(crate) fn text(time: SystemTime) -> String {
    rfc3339(seconds_since_1970(time))
}

/// Formats a time in UTC for a file name; the names sort by time: `20260414-090327`.
pub(crate) fn for_file_name(time: SystemTime) -> String {
    text(time).chars().filter(|c| !matches!(c, '-' | ':' | 'Z')).map(|c| if c == 'T' { '-' } else { c }).collect()
}

/// Returns the time between two texts of [`now`]; none if either is not an RFC 3339 time, zero if they are reversed.
pub(crate) fn between(earlier: &str, later: &str) -> Option<Duration> {
    let (earlier, later) = (parse_rfc3339(earlier)?, parse_rfc3339(later)?);
    Some(Duration::from_secs(later.saturating_sub(earlier)))
}

/// Returns the time since a text of [`now`]; none if it is not an RFC 3339 time.
pub(crate) fn since(text: &str) -> Option<Duration> {
    between(text, &now())
}

fn seconds_since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn rfc3339(seconds: u64) -> String {
    let (year, month, day) = date(seconds / SECONDS_PER_DAY);
    let (hour, minute, second) = (seconds % SECONDS_PER_DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Returns year, month and day of the Gregorian calendar. Walks years and months within one 400-year cycle, so at most
/// a few hundred steps.
fn date(mut days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 400 * 365 + 97;
    let mut year = 1970 + 400 * (days / CYCLE);
    days %= CYCLE;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    while days >= days_in_month(year, month) {
        days -= days_in_month(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Returns the number of days in a month, numbered from 1.
fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Parses the output of [`rfc3339`].
fn parse_rfc3339(text: &str) -> Option<u64> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
        parts?.try_into().ok()
    };
    let [year, month, day] = numbers(day, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let days = days_before(year, month)? + day.checked_sub(1)?;
    Some(days * SECONDS_PER_DAY + hour.checked_mul(3600)? + minute.checked_mul(60)? + second)
}

/// Returns the number of days from 1970-01-01 to the first day of a month.
fn days_before(year: u64, month: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let months = (1..month).map(|month| days_in_month(year, month)).sum::<u64>();
    Some(years + months)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_with_the_date_command() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
            assert_eq!(parse_rfc3339(text), Some(seconds));
        }
    }

    #[test]
    fn far_future_times_are_formatted_quickly() {
        // `date -u -d @N +%FT%TZ`
        assert_eq!(rfc3339(16_725_225_600), "2500-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400 + 1_000_000 * 146_097 * SECONDS_PER_DAY), "400002000-02-29T00:00:00Z");
        assert!(rfc3339(u64::MAX).starts_with("5845"));
    }

    #[test]
    fn invalid_times_are_none() {
        for text in ["", "2026", "2026-04-14", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "-1-1-1T0:0:0Z"] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
        assert_eq!(between("2026-04-14T00:00:00Z", "2026-04-14T00:01:05Z"), Some(Duration::from_secs(65)));
        assert_eq!(between("2026-04-14T00:01:00Z", "2026-04-14T00:00:00Z"), Some(Duration::ZERO));
    }
}
