//! How fast a job has been going lately. Pure.

use crate::runtime::Done;
use std::{collections::VecDeque, time::Duration};

/// Samples are this far apart, and as many are kept as make a minute: long enough for steps that take seconds, short
/// enough to show that a job has slowed down.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
const SAMPLES_MAX: usize = 30;

/// What was done by when.
#[derive(Debug, Default)]
pub struct Rate {
    samples: VecDeque<(Duration, Done)>,
}

/// Of the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerSecond {
    pub items: f64,
    pub bytes: f64,
}

impl Rate {
    /// Notes what is done by now (monotonic clock).
    pub fn note(&mut self, now: Duration, done: Done) {
        if self.samples.back().is_some_and(|(at, _)| now.saturating_sub(*at) < SAMPLE_INTERVAL) {
            return;
        }
        if self.samples.len() >= SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back((now, done));
    }

    /// `None` when it is too soon to tell.
    pub fn per_second(&self, now: Duration, done: Done) -> Option<PerSecond> {
        let oldest = SAMPLE_INTERVAL * SAMPLES_MAX as u32;
        let recent = |(at, _): &&(Duration, Done)| now.saturating_sub(*at) <= oldest;
        let (at, before) = self.samples.iter().find(recent)?;
        let passed = now.saturating_sub(*at).as_secs_f64();
        (passed >= 1.0).then(|| PerSecond {
            items: (done.items - before.items) as f64 / passed,
            bytes: (done.bytes - before.bytes) as f64 / passed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(items: u64) -> Done {
        Done { items, bytes: items * 10 }
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(Duration::ZERO, done(0)), None);
        for second in 0..=100 {
            rate.note(
                Duration::from_secs(second),
                done(if second < 40 { second * 50 } else { 2000 + (second - 40) * 3 }),
            );
        }
        let now = Duration::from_secs(100);
        assert_eq!(rate.per_second(now, done(2180)), Some(PerSecond { items: 3.0, bytes: 30.0 }));
        let later = Duration::from_secs(1000);
        assert_eq!(rate.per_second(later, done(2180)), None, "nobody looked for long");
    }
}
