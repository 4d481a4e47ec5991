//! Latencies, counted in buckets whose width follows the value: an error of at most 1/64, whatever the value, in a
//! table of fixed size.

use std::time::Duration;

/// Buckets per power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// The values below `STEPS` have a bucket each; each further power of two up to 2^63 has `STEPS` buckets.
const BUCKETS: usize = (STEPS as usize) * (64 - STEP_BITS as usize + 1);

/// Counts durations in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub fn record(&mut self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn max(&self) -> Duration {
        self.max
    }

    /// A value that `percent` of all recorded ones don't exceed; zero when nothing was recorded.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = ((percent / 100.0) * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return Duration::from_nanos(upper_bound(index)).min(self.max);
            }
        }
        Duration::ZERO
    }
}

fn bucket_of(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let power = value.ilog2() - STEP_BITS;
    // The bits behind the leading one choose the step.
    let step = (value >> power) - STEPS;
    (STEPS * u64::from(power + 1) + step) as usize
}

/// The largest value of a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let power = bucket / STEPS - 1;
    let step = bucket % STEPS;
    let lower = (STEPS + step) << power;
    lower + ((1 << power) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket_which_is_narrow(value: u64) {
            let bucket = bucket_of(value);
            let upper = upper_bound(bucket);
            prop_assert!(bucket < BUCKETS);
            prop_assert!(value <= upper);
            prop_assert!(upper - value <= value / STEPS);
            prop_assert!(bucket == 0 || upper_bound(bucket - 1) < value);
        }
    }

    #[test]
    fn percentiles_follow_the_recorded_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(99.0), Duration::ZERO);
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        let mut both = histogram.clone();
        both.add(&histogram);
        for (percent, millis) in [(50.0, 500.0), (90.0, 900.0), (99.0, 990.0), (100.0, 1000.0)] {
            for found in [histogram.percentile(percent), both.percentile(percent)] {
                let off = found.as_secs_f64() * 1000.0 / millis;
                assert!((1.0..1.02).contains(&off), "{percent}: {found:?}");
            }
        }
        assert_eq!((both.count(), both.max()), (2000, Duration::from_secs(1)));
    }
}
