//! Wall-clock times as text, for records and logs. They never appear in the files of an artifact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999, after which RFC 3339 has no times, in seconds since 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// Returns the current time in UTC as RFC 3339: `2026-04-14T09:03:27Z`.
pub(crate) fn now() -> String {
    text(SystemTime::now())
}

/// Formats a time in UTC as RFC 3339; times before 1970 and after 9999 are clamped.
pub(crate) fn text(time: SystemTime) -> String {
    let last = UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    humantime::format_rfc3339_seconds(time.clamp(UNIX_EPOCH, last)).to_string()
}

/// Formats a time in UTC for a file name; the names sort by time: `20260414-090327`.
pub(crate) fn for_file_name(time: SystemTime) -> String {
    text(time).replace(['-', ':', 'Z'], "").replace('T', "-")
}

/// Returns the time between two texts of [`now`]; none if either is not an RFC 3339 time, zero if they are reversed.
pub(crate) fn between(earlier: &str, later: &str) -> Option<Duration> {
    let (earlier, later) = (humantime::parse_rfc3339(earlier).ok()?, humantime::parse_rfc3339(later).ok()?);
    Some(later.duration_since(earlier).unwrap_or_default())
}

/// Returns the time since a text of [`now`]; none if it is not an RFC 3339 time.
pub(crate) fn since(text: &str) -> Option<Duration> {
    between(text, &now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_with_the_date_command() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST_SECOND, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_millis(1000 * seconds + 999)), shown);
            assert_eq!(between("1970-01-01T00:00:00Z", shown), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(for_file_name(UNIX_EPOCH + Duration::from_secs(951_786_061)), "20000229-010101");
    }

    #[test]
    fn times_out_of_range_are_clamped() {
        assert_eq!(text(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
        assert_eq!(text(UNIX_EPOCH + Duration::from_secs(2 * LAST_SECOND)), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn invalid_times_are_none() {
        for text in ["", "2026", "2026-04-14", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "-1-1-1T0:0:0Z", "ä"] {
            assert_eq!(since(text), None, "{text}");
        }
        assert_eq!(between("2026-04-14T00:00:00Z", "2026-04-14T00:01:05Z"), Some(Duration::from_secs(65)));
        assert_eq!(between("2026-04-14T00:01:00Z", "2026-04-14T00:00:00Z"), Some(Duration::ZERO));
    }
}
