//! Which failures are worth another try, and how long to wait before it.

use std::time::Duration;

use jiff::Timestamp;

use super::failure::Failure;

/// How often and how fast to try again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How many tries there are in all.
    pub tries: u32,
    /// The wait before the second try; each further one doubles it.
    pub base: Duration,
}

/// A registry that asks for more patience than this is told of instead: docker.io's limits last hours.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
const MAX_BACKOFF: Duration = Duration::from_secs(15);

impl Default for Retry {
    fn default() -> Self {
        Self { tries: 5, base: Duration::from_millis(500) }
    }
}

/// What is known besides the failure itself.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// The registry has answered before. Without that, a wrong name or a missing network is the likely
    /// cause, and the user should hear of it at once.
    pub contacted: bool,
    /// Part of a layer: worth waiting for, even where the connection stalls.
    pub blob: bool,
}

impl Retry {
    /// How long to wait after the `attempt`-th try (from 1) failed; `None` says to give up.
    pub fn delay(&self, attempt: u32, failure: &Failure, circumstances: Circumstances) -> Option<Duration> {
        if attempt >= self.tries || !is_transient(failure, circumstances) {
            return None;
        }
        match failure {
            Failure::RateLimited { retry_after: Some(wait), .. }
            | Failure::Status { retry_after: Some(wait), .. } => (*wait <= MAX_RETRY_AFTER).then_some(*wait),
            _ => Some(self.backoff(attempt)),
        }
    }

    /// Doubles with every try. Half of it is random, so that many clients do not return all at once.
    fn backoff(&self, attempt: u32) -> Duration {
        let full = self.base.saturating_mul(1 << (attempt - 1).min(10)).min(MAX_BACKOFF);
        let mut random = [0; 4];
        crate::base::id::fill_random(&mut random);
        let random = u32::from_le_bytes(random);
        full / 2 + full.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

fn is_transient(failure: &Failure, circumstances: Circumstances) -> bool {
    match failure {
        Failure::RateLimited { .. } | Failure::Broken { .. } => true,
        Failure::Status { status, .. } => matches!(status, 408 | 500 | 502..=504 | 520..=530),
        Failure::Stalled { .. } => circumstances.blob,
        Failure::Resolve { .. }
        | Failure::Refused { .. }
        | Failure::Unreachable { .. }
        | Failure::ConnectTimeout { .. } => circumstances.contacted,
        _ => false,
    }
}

/// How long a `Retry-After` header says to wait (RFC 9110, section 10.2.3): seconds, or the time until a date.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    // What is over already need not be waited for.
    Some(Duration::try_from(date.timestamp().duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTACTED: Circumstances = Circumstances { contacted: true, blob: false };
    const FIRST: Circumstances = Circumstances { contacted: false, blob: false };
    const BLOB: Circumstances = Circumstances { contacted: true, blob: true };

    fn host() -> String {
        "r.example".to_owned()
    }

    fn status(status: u16) -> Failure {
        Failure::Status { host: host(), status, message: String::new(), retry_after: None }
    }

    fn limited(retry_after: Option<u64>) -> Failure {
        let retry_after = retry_after.map(Duration::from_secs);
        Failure::RateLimited { host: host(), message: String::new(), retry_after }
    }

    #[test]
    fn what_is_tried_again() {
        let refused = Failure::Refused { host: host() };
        let stalled = Failure::Stalled { host: host(), after: Duration::from_secs(30) };
        let broken = Failure::Broken { host: host(), cause: String::new() };
        let denied = Failure::Denied { message: String::new() };
        let missing = Failure::NotFound { message: String::new(), repository: false };
        for (failure, circumstances, again) in [
            (&refused, FIRST, false),
            (&refused, CONTACTED, true),
            (&stalled, CONTACTED, false),
            (&stalled, BLOB, true),
            (&broken, FIRST, true),
            (&denied, BLOB, false),
            (&missing, BLOB, false),
            (&status(500), FIRST, true),
            (&status(503), FIRST, true),
            (&status(501), FIRST, false),
            (&status(400), FIRST, false),
            (&limited(None), FIRST, true),
            (&limited(Some(60)), FIRST, true),
            (&limited(Some(61)), FIRST, false),
        ] {
            let delay = Retry::default().delay(1, failure, circumstances);
            assert_eq!(delay.is_some(), again, "{failure} {circumstances:?}");
        }
    }

    #[test]
    fn waits_grow_and_end() {
        let retry = Retry { tries: 5, base: Duration::from_millis(100) };
        for (attempt, full) in [(1, 100), (2, 200), (3, 400), (4, 800)] {
            let delay = retry.delay(attempt, &status(503), FIRST).unwrap().as_millis();
            assert!((full / 2..=full).contains(&delay), "{attempt}: {delay}");
        }
        assert_eq!(retry.delay(5, &status(503), FIRST), None);
        assert_eq!(retry.delay(1, &limited(Some(7)), FIRST), Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_headers() {
        let now = "2026-10-21T07:27:15Z".parse().unwrap();
        for (value, seconds) in [
            (" 12 ", Some(12)),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(45)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("Thu, 21 Oct 2027 07:27:15 GMT", Some(365 * 24 * 3600)),
            ("", None),
            ("-1", None),
            ("soon", None),
            ("Wed, 99 Oct 2026 07:28:00 GMT", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
