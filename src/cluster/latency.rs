//! How long a node takes to answer reads, which node is sluggish beside others, and how many reads may be hedged.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// An estimate of the 95th percentile of a node's answers, in constant space: above the estimate it rises by 19 steps,
/// below it falls by one, so it rests where 1 in 20 answers is slower. Lost updates of racing answers don't matter.
#[derive(Debug)]
pub struct SlowAnswer {
    nanos: AtomicU64,
    /// When the node was last asked although it is sluggish, on the gateway's monotonic clock.
    tried_at_nanos: AtomicU64,
}

/// A hundredth of the estimate a step: follows a change within some hundred answers, and jitters by a few percent.
const STEP_DIVISOR: u64 = 400;
const ESTIMATE_FIRST: Duration = Duration::from_millis(20);
/// Bounds of the estimate: below a millisecond a hedge costs more than it saves, above a second the next replica is asked anyway.
const ESTIMATE_MIN: Duration = Duration::from_millis(1);
const ESTIMATE_MAX: Duration = Duration::from_secs(1);
/// A node is sluggish whose estimate is above so many times another's, and this much more: below that, the cache of the
/// chunk's usual node is worth more.
const SLUGGISH_TIMES: u32 = 4;
const SLUGGISH_BEYOND: Duration = Duration::from_millis(50);
/// Between two reads that ask a sluggish node first, to see whether it still is.
const TRIAL_INTERVAL: Duration = Duration::from_secs(1);

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Default for SlowAnswer {
    fn default() -> Self {
        Self { nanos: AtomicU64::new(nanos(ESTIMATE_FIRST)), tried_at_nanos: AtomicU64::new(0) }
    }
}

impl SlowAnswer {
    pub fn record(&self, took: Duration) {
        let estimate = self.nanos.load(Ordering::Relaxed);
        let step = estimate / STEP_DIVISOR;
        let moved = if nanos(took) > estimate { estimate + 19 * step } else { estimate - step };
        self.nanos.store(moved.clamp(nanos(ESTIMATE_MIN), nanos(ESTIMATE_MAX)), Ordering::Relaxed);
    }

    /// An answer was not waited for any longer.
    pub fn record_given_up(&self) {
        self.record(Duration::MAX);
    }

    /// A trial's answer: a sluggish node has few of them, so each counts for many.
    pub fn record_trial(&self, took: Duration) {
        let halved = self.nanos.load(Ordering::Relaxed) / 2;
        if nanos(took) < halved {
            self.nanos.store(halved.max(nanos(ESTIMATE_MIN)), Ordering::Relaxed);
        } else {
            self.record(took);
        }
    }

    /// Whether a sluggish node is to be asked now; once in an interval.
    pub fn begin_trial(&self, now: Duration) -> bool {
        let is_due = |tried_at: u64| nanos(now).saturating_sub(tried_at) >= nanos(TRIAL_INTERVAL);
        let begin = |tried_at: u64| is_due(tried_at).then_some(nanos(now));
        self.tried_at_nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin).is_ok()
    }

    /// After this long an answer is among the slowest twentieth.
    pub fn estimate(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

/// What is slow beside a node whose estimate is `other`.
pub fn sluggish_from(other: Duration) -> Duration {
    other * SLUGGISH_TIMES + SLUGGISH_BEYOND
}

/// Keeps hedged reads to a share of all reads, so that an overloaded cluster doesn't load itself further.
#[derive(Debug)]
pub struct HedgeAllowance {
    percent: u64,
    /// Hundredths of a hedge that were earned and not spent.
    hundredths: AtomicU64,
}

/// What may be saved up: a node that hangs after a quiet time may cost ten hedges at once.
const SAVED_MAX_HUNDREDTHS: u64 = 1000;

impl HedgeAllowance {
    pub fn new(percent: u8) -> Self {
        Self { percent: u64::from(percent), hundredths: AtomicU64::new(0) }
    }

    /// A read begins.
    pub fn earn(&self) {
        if self.hundredths.load(Ordering::Relaxed) < SAVED_MAX_HUNDREDTHS {
            self.hundredths.fetch_add(self.percent, Ordering::Relaxed);
        }
    }

    /// Whether one more read may be hedged.
    pub fn spend(&self) -> bool {
        let one_less = |saved: u64| saved.checked_sub(100);
        self.hundredths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Random, SeededRandom};

    #[test]
    fn the_estimate_rests_near_the_95th_percentile() {
        let (slow, random) = (SlowAnswer::default(), SeededRandom::new(1));
        for _ in 0..20_000 {
            slow.record(Duration::from_micros(2000 + random.below(10_000)));
        }
        let estimate = slow.estimate().as_micros();
        assert!((10_500..12_500).contains(&estimate), "{estimate}");
    }

    #[test]
    fn a_sluggish_node_is_tried_once_in_a_while_and_few_trials_prove_it_well() {
        let slow = SlowAnswer::default();
        (0..200).for_each(|_| slow.record_given_up());
        assert_eq!(slow.estimate(), ESTIMATE_MAX);
        let now = Duration::from_secs(100);
        assert!(slow.begin_trial(now) && !slow.begin_trial(now + Duration::from_millis(999)));
        assert!(slow.begin_trial(now + Duration::from_secs(1)));
        slow.record_trial(Duration::from_millis(600));
        assert!(slow.estimate() > ESTIMATE_MAX / 2, "that was no quick answer");
        let trials = (0..20).find(|_| {
            slow.record_trial(Duration::from_millis(2));
            slow.estimate() <= sluggish_from(Duration::from_millis(2))
        });
        assert_eq!(trials, Some(4));
    }

    #[test]
    fn one_read_in_twenty_may_be_hedged() {
        let allowance = HedgeAllowance::new(5);
        let mut hedged = 0;
        for _ in 0..1000 {
            allowance.earn();
            hedged += u32::from(allowance.spend());
        }
        assert_eq!(hedged, 50);
        for _ in 0..10_000 {
            allowance.earn();
        }
        let saved = (0..100).filter(|_| allowance.spend()).count();
        assert!(saved <= 11, "{saved}");
        assert!(!HedgeAllowance::new(0).spend());
    }
}
