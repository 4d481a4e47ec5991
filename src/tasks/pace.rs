//! How long to rest between two steps. Pure.

use crate::runtime::{Step, rest_percent};
use std::time::Duration;

/// The shortest rest of a busy task: lets others run.
const BUSY_REST_MIN: Duration = Duration::from_millis(1);
/// The longest: one slow step is no reason to sleep for long.
const BUSY_REST_MAX: Duration = Duration::from_secs(4);
/// After a failure the rest doubles from one to the other.
const FAILURE_REST_MIN: Duration = Duration::from_secs(1);
const FAILURE_REST_MAX: Duration = Duration::from_secs(60);

/// Time to rest; `None` when the task is done. The busier clients keep the process (0 to 1), the longer a task rests for
/// its work, but it never gets nothing.
pub fn rest_after(step: Step, took: Duration, idle_for: Duration, busyness: f64) -> Option<Duration> {
    match step {
        Step::Busy => Some((took * rest_percent(busyness) / 100).clamp(BUSY_REST_MIN, BUSY_REST_MAX)),
        Step::Idle => Some(idle_for),
        Step::Done => None,
    }
}

/// Time to rest after the `running`-th failure running, counted from 1.
pub fn rest_after_failures(running: u32) -> Duration {
    FAILURE_REST_MIN
        .saturating_mul(1_u32.checked_shl(running.saturating_sub(1)).unwrap_or(u32::MAX))
        .min(FAILURE_REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_follows_work_clients_and_failures() {
        let (idle, millis) = (Duration::from_secs(5), Duration::from_millis);
        assert_eq!(rest_after(Step::Busy, millis(30), idle, 0.0), Some(millis(1)));
        assert_eq!(rest_after(Step::Busy, millis(30), idle, 0.5), Some(millis(60)));
        assert_eq!(rest_after(Step::Busy, millis(30), idle, 1.0), Some(millis(120)));
        assert_eq!(rest_after(Step::Busy, millis(30_000), idle, 1.0), Some(millis(4000)));
        assert_eq!(rest_after(Step::Idle, millis(30), idle, 1.0), Some(idle));
        assert_eq!(rest_after(Step::Done, millis(30), idle, 1.0), None);
        let rests: Vec<u64> = [1, 2, 3, 6, 7, 40, 100].map(|running| rest_after_failures(running).as_secs()).into();
        assert_eq!(rests, [1, 2, 4, 32, 60, 60, 60]);
    }
}
