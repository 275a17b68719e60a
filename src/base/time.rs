//! Durations and times as docker shows and reads them (`docker/go-units` `duration.go`, Go's `time`).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Shows how long something took or is ago, roughly: `About a minute`, `3 weeks`.
pub fn human(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    let hours = (seconds + 1800) / 3600;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// How long ago a time was: [`human`] and ` ago`.
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    format!("{} ago", human(now.duration_since(time)))
}

/// Shows a time as Go's `time.Time.String` does in the local zone: `2024-05-01 10:00:00 +0200 CEST`.
pub fn local(time: Timestamp) -> String {
    // Whole seconds: docker makes these of Unix seconds.
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// The same with the part of a second that there is: `2024-05-01 10:00:00.25 +0200 CEST`.
pub fn local_exact(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.f %z %Z").to_string()
}

/// Shows a time as RFC 3339 in the local zone, as `history --human=false` does: `2024-05-01T10:00:00+02:00`.
pub fn rfc3339_local(time: Timestamp) -> String {
    let text = time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    text.strip_suffix("+00:00").map(|utc| format!("{utc}Z")).unwrap_or(text)
}

/// The same with the part of a second that there is: `2024-05-01T10:00:00.25+02:00`.
pub fn rfc3339_local_exact(time: Timestamp) -> String {
    let text = time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
    text.strip_suffix("+00:00").map(|utc| format!("{utc}Z")).unwrap_or(text)
}

/// Shows a duration as Go's `time.Duration.String` does: `1m30s`, `1.5s`, `500ms`.
pub fn go_duration(duration: std::time::Duration) -> String {
    let with_unit = |unit: u32, name: &str| {
        let (nanoseconds, unit) = (duration.subsec_nanos(), f64::from(unit));
        format!("{}{name}", f64::from(nanoseconds) / unit)
    };
    match duration.subsec_nanos() {
        _ if duration.as_secs() > 0 => {}
        0 => return "0s".to_owned(),
        1..1_000 => return with_unit(1, "ns"),
        1_000..1_000_000 => return with_unit(1_000, "µs"),
        _ => return with_unit(1_000_000, "ms"),
    }
    let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
    let fraction = format!("{:09}", duration.subsec_nanos());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let seconds = format!("{}{point}{fraction}s", duration.as_secs() % 60);
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// Reads Go's durations: `1h30m`, `1.5s`, `-10ms`, `0`.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = SignedDuration::ZERO;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = number.parse::<f64>().ok()? * unit_seconds(unit)?;
        total = total.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?)?;
        rest = tail;
    }
    Some(if negative { -total } else { total })
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

/// Reads a point in time as `logs --since` takes it: a duration before `now`, RFC 3339 with or without
/// a zone or parts of its end, or Unix seconds with an optional fraction.
pub fn parse_moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(duration) = parse_duration(text).filter(|_| text != "0") {
        return now.checked_sub(duration).ok();
    }
    parse_unix(text).or_else(|| text.parse().ok()).or_else(|| parse_civil(text))
}

fn parse_unix(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()
}

/// A date and time of day without a zone is local; hours, minutes and seconds may be left out.
fn parse_civil(text: &str) -> Option<Timestamp> {
    let (text, zone) = match text.strip_suffix('Z') {
        Some(text) => (text, TimeZone::UTC),
        None => (text, TimeZone::system()),
    };
    let padded = match text.len() {
        10 => format!("{text}T00:00:00"),
        13 => format!("{text}:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let time: DateTime = padded.parse().ok()?;
    Some(time.to_zoned(zone).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_shows_them() {
        for (nanoseconds, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (30_000_000_000, "30s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
        ] {
            assert_eq!(go_duration(std::time::Duration::from_nanos(nanoseconds)), want);
        }
    }

    #[test]
    fn durations_are_rough() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, want) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (59 * 60 + 59, "59 minutes"),
            (HOUR, "About an hour"),
            (HOUR + 29 * 60, "About an hour"),
            (HOUR + 30 * 60, "2 hours"),
            (47 * HOUR, "47 hours"),
            (48 * HOUR, "2 days"),
            (13 * DAY, "13 days"),
            (14 * DAY, "2 weeks"),
            (59 * DAY, "8 weeks"),
            (60 * DAY, "2 months"),
            (729 * DAY, "24 months"),
            (730 * DAY, "2 years"),
        ] {
            assert_eq!(human(SignedDuration::from_secs(seconds)), want, "{seconds}");
        }
    }

    #[test]
    fn go_durations() {
        for (text, milliseconds) in [
            ("0", 0),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1500),
            ("-10ms", -10),
            ("+1m", 60_000),
            ("1m0.5s", 60_500),
        ] {
            assert_eq!(parse_duration(text), Some(SignedDuration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "-", "10", "s", "1x", "1h 2m", "1..5s", "é", "1e999s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn moments() {
        let now: Timestamp = "2024-05-01T10:00:00Z".parse().unwrap();
        for (text, want) in [
            ("10m", "2024-05-01T09:50:00Z"),
            ("2024-04-30T00:00:00Z", "2024-04-30T00:00:00Z"),
            ("2024-04-30T02:00:00.5+02:00", "2024-04-30T00:00:00.5Z"),
            ("2024-04-30Z", "2024-04-30T00:00:00Z"),
            ("2024-04-30T11Z", "2024-04-30T11:00:00Z"),
            ("1714557600", "2024-05-01T10:00:00Z"),
            ("1714557600.25", "2024-05-01T10:00:00.25Z"),
        ] {
            assert_eq!(parse_moment(text, now), Some(want.parse().unwrap()), "{text}");
        }
        for text in ["", "yesterday", "2024-13-01", "1.x", "é", "1.é"] {
            assert_eq!(parse_moment(text, now), None, "{text}");
        }
    }

    #[test]
    fn nanoseconds_are_shown_without_trailing_zeros() {
        for text in ["2024-05-01T10:00:00Z", "2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00.123456789Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }
}
