//! Restart policies: what follows when a container has ended. Pure; docker's `restartmanager`.

use std::time::Duration;

use crate::store::options::RestartPolicy;

/// The first pause before a restart; each one is twice the one before.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A container that has run for so long starts well: the pauses begin anew.
const GOOD_RUN: Duration = Duration::from_secs(10);

/// A run of a container that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub exit_code: i32,
    pub uptime: Duration,
    /// The user asked for the end, or the supervisor was told to end.
    pub is_final: bool,
    /// It was ended to be started again.
    pub wants_restart: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    End,
    Restart { after: Duration },
}

/// How often a container has been started again since the user started it, and how patiently.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    count: u32,
    delay: Option<Duration>,
}

impl Restarts {
    /// Docker's `RestartCount`.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Decides after a run, and counts the restart that follows.
    pub fn after(&mut self, policy: RestartPolicy, run: Run) -> Next {
        if run.wants_restart && !run.is_final {
            return Next::Restart { after: Duration::ZERO };
        }
        let delay = match self.delay.filter(|_| run.uptime < GOOD_RUN) {
            None => FIRST_DELAY,
            Some(delay) => (delay * 2).min(LONGEST_DELAY),
        };
        let wanted = match policy {
            RestartPolicy::No => false,
            RestartPolicy::Always | RestartPolicy::UnlessStopped => true,
            RestartPolicy::OnFailure { retries } => {
                run.exit_code != 0 && (retries == 0 || self.count < retries)
            }
        };
        if !wanted || run.is_final {
            return Next::End;
        }
        self.delay = Some(delay);
        self.count += 1;
        Next::Restart { after: delay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(5);

    fn run(exit_code: i32) -> Run {
        Run { exit_code, uptime: SHORT, is_final: false, wants_restart: false }
    }

    fn restart(milliseconds: u64) -> Next {
        Next::Restart { after: Duration::from_millis(milliseconds) }
    }

    #[test]
    fn who_comes_back() {
        use RestartPolicy::{Always, No, OnFailure, UnlessStopped};
        let sick = Run { wants_restart: true, ..run(143) };
        let last = |exit_code| Run { is_final: true, ..run(exit_code) };
        for (policy, run, want) in [
            (No, run(1), Next::End),
            (No, sick, restart(0)),
            (No, Run { is_final: true, ..sick }, Next::End),
            (Always, run(0), restart(100)),
            (Always, run(137), restart(100)),
            (Always, last(0), Next::End),
            (UnlessStopped, run(0), restart(100)),
            (UnlessStopped, last(1), Next::End),
            (OnFailure { retries: 0 }, run(0), Next::End),
            (OnFailure { retries: 0 }, run(1), restart(100)),
            (OnFailure { retries: 3 }, last(1), Next::End),
        ] {
            assert_eq!(Restarts::default().after(policy, run), want, "{policy:?} {run:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_after_a_good_run() {
        let mut restarts = Restarts::default();
        for want in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000] {
            assert_eq!(restarts.after(RestartPolicy::Always, run(1)), restart(want));
        }
        let good = Run { uptime: GOOD_RUN, ..run(1) };
        assert_eq!(restarts.after(RestartPolicy::Always, good), restart(100));
        assert_eq!(restarts.after(RestartPolicy::Always, run(1)), restart(200));
        assert_eq!(restarts.count(), 14);
    }

    #[test]
    fn failures_are_counted() {
        let mut restarts = Restarts::default();
        let policy = RestartPolicy::OnFailure { retries: 2 };
        assert_eq!(restarts.after(policy, run(1)), restart(100));
        assert_eq!(restarts.after(policy, run(1)), restart(200));
        assert_eq!(restarts.after(policy, run(1)), Next::End);
        assert_eq!(restarts.count(), 2);
    }
}
