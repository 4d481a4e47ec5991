//! When committed deletions were first seen, without a note for each: samples of (time, newest commit sequence). A deletion
//! committed at d was seen at the latest when the newest sequence was d or more.

use crate::types::CommitSequence;
use std::{collections::VecDeque, time::Duration};

/// Samples kept. With one sample a 2000th of the grace period there are never more; it is a bound for odd clocks.
const SAMPLES_MAX: usize = 4096;

#[derive(Debug)]
pub struct FirstSeen {
    samples: VecDeque<(Duration, CommitSequence)>,
    spacing: Duration,
    keep: Duration,
}

impl FirstSeen {
    /// For things that wait out `grace_period`.
    pub fn new(grace_period: Duration) -> Self {
        Self { samples: VecDeque::new(), spacing: grace_period / 2000, keep: grace_period * 2 }
    }

    /// Notes that `newest` was the newest sequence at `now`.
    pub fn note(&mut self, now: Duration, newest: CommitSequence) {
        if let Some((at, sequence)) = self.samples.back()
            && (*sequence == newest || now.saturating_sub(*at) < self.spacing)
        {
            return;
        }
        self.samples.push_back((now, newest));
        // The oldest sample that is old enough for everybody says all that the ones before it say.
        while self.samples.len() > SAMPLES_MAX
            || self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) > self.keep)
        {
            self.samples.pop_front();
        }
    }

    /// When what was committed at `sequence` was first seen; `None` when it is newer than every sample.
    pub fn of(&self, sequence: CommitSequence) -> Option<Duration> {
        let position = self.samples.partition_point(|(_, newest)| *newest < sequence);
        self.samples.get(position).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_is_seen_with_the_first_sample_that_includes_it() {
        let mut seen = FirstSeen::new(Duration::from_secs(2000));
        assert_eq!(seen.of(CommitSequence(1)), None);
        for (second, sequence) in [(0, 5), (10, 5), (20, 9), (30, 12)] {
            seen.note(Duration::from_secs(second), CommitSequence(sequence));
        }
        for (sequence, second) in [(1, 0), (5, 0), (6, 20), (9, 20), (10, 30)] {
            assert_eq!(seen.of(CommitSequence(sequence)), Some(Duration::from_secs(second)), "{sequence}");
        }
        assert_eq!(seen.of(CommitSequence(13)), None);
    }

    #[test]
    fn samples_are_bounded_and_err_on_the_late_side() {
        let mut seen = FirstSeen::new(Duration::from_secs(2));
        for second in 0..100_000 {
            seen.note(Duration::from_secs(second), CommitSequence(second));
        }
        assert!(seen.samples.len() < 10);
        let oldest = seen.of(CommitSequence(0)).unwrap();
        assert!(oldest >= Duration::from_secs(99_990) && oldest < Duration::from_secs(99_998), "{oldest:?}");
    }
}
