//! When days are over. Pure. S3 adds the days to the time of the event and rounds up to the next midnight in UTC.
//! Source: Amazon S3 User Guide, "Lifecycle configuration elements", "Lifecycle rules: based on an object's age".

use crate::types::{Expiration, LifecycleConfiguration, Timestamp};
use std::time::Duration;

/// How long a day of the rules is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayLength {
    millis: i64,
}

impl DayLength {
    pub const REAL: Self = Self { millis: 86_400_000 };

    /// At least a millisecond.
    pub fn new(day: Duration) -> Self {
        Self { millis: i64::try_from(day.as_millis()).unwrap_or(i64::MAX).max(1) }
    }

    pub fn length(self) -> Duration {
        Duration::from_millis(self.millis.unsigned_abs())
    }

    /// The end of the days after `from`. Only real days end at midnight: those of tests are over when they have passed.
    pub fn after(self, from: Timestamp, days: u32) -> Timestamp {
        let due = from.unix_millis().saturating_add(self.millis.saturating_mul(days.into()));
        let over = due.rem_euclid(Self::REAL.millis);
        if self != Self::REAL || over == 0 {
            return Timestamp::from_unix_millis(due);
        }
        Timestamp::from_unix_millis(due.saturating_add(Self::REAL.millis - over))
    }
}

/// How many milliseconds after a write of a key the rules are asked about it; `None`: no rule is enabled. Nothing is
/// due before, but for what a write itself makes due: it can be the one version too many, or come after a rule's date.
/// That waits for a day, so that a key that is written all the time is not looked at as often. What other changes make
/// due is due at once, so that rules about them say nothing here.
pub fn soonest(rules: &LifecycleConfiguration, day: DayLength) -> Option<u64> {
    let of_days = |days: u32| day.millis.unsigned_abs().saturating_mul(days.into());
    let mut soonest = None;
    for rule in rules.enabled() {
        let expiration = match rule.expiration {
            Some(Expiration::Days(days)) => of_days(days),
            Some(Expiration::Date(_)) => of_days(1),
            // A write is no delete marker.
            Some(Expiration::DeleteMarkers) | None => u64::MAX,
        };
        let noncurrent = match rule.noncurrent {
            Some(noncurrent) if noncurrent.newer_versions > 0 => of_days(1),
            Some(noncurrent) => of_days(noncurrent.days),
            None => u64::MAX,
        };
        let abort = rule.abort_after_days.map_or(u64::MAX, of_days);
        let of_rule = expiration.min(noncurrent).min(abort);
        soonest = Some(soonest.unwrap_or(u64::MAX).min(of_rule));
    }
    // So that a time and this are a time again.
    soonest.map(|millis| millis.min(i64::MAX.unsigned_abs() / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LifecycleRule, NoncurrentExpiration, RuleStatus, TransitionMinimum};
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
        Timestamp::from_unix_millis(at.unix_timestamp() * 1000)
    }

    #[test]
    fn days_end_at_the_next_midnight() {
        for (from, days, due) in [
            // The example of the User Guide.
            ("2014-01-15T10:30:00Z", 3, "2014-01-19T00:00:00Z"),
            ("2014-01-15T00:00:00Z", 1, "2014-01-16T00:00:00Z"),
            ("2014-01-15T00:00:01Z", 1, "2014-01-17T00:00:00Z"),
            ("2014-01-15T23:59:59Z", 1, "2014-01-17T00:00:00Z"),
            ("2024-02-28T12:00:00Z", 1, "2024-03-01T00:00:00Z"),
            ("1969-12-30T12:00:00Z", 1, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(DayLength::REAL.after(at(from), days), at(due), "{from}");
        }
        let short = DayLength::new(Duration::from_secs(10));
        let from = Timestamp::from_unix_millis(12_345);
        assert_eq!(short.after(from, 3), Timestamp::from_unix_millis(42_345));
    }

    fn rules(rules: Vec<LifecycleRule>) -> LifecycleConfiguration {
        LifecycleConfiguration::new(rules, TransitionMinimum::default()).unwrap()
    }

    #[test]
    fn the_soonest_is_that_of_the_enabled_rule_that_comes_first() {
        let rule = |expiration, noncurrent: Option<(u32, u32)>, abort_after_days| LifecycleRule {
            status: RuleStatus::Enabled,
            expiration,
            noncurrent: noncurrent.map(|(days, newer_versions)| NoncurrentExpiration { days, newer_versions }),
            abort_after_days,
            ..LifecycleRule::default()
        };
        let day = DayLength::REAL.millis.unsigned_abs();
        let never = i64::MAX.unsigned_abs() / 2;
        for (rule, expected) in [
            (rule(Some(Expiration::Days(3)), None, None), 3 * day),
            (rule(Some(Expiration::Days(3)), Some((2, 0)), None), 2 * day),
            (rule(Some(Expiration::Days(3)), Some((2, 1)), None), day),
            (rule(Some(Expiration::Days(3)), None, Some(1)), day),
            (rule(Some(Expiration::DeleteMarkers), Some((5, 0)), None), 5 * day),
            (rule(Some(Expiration::DeleteMarkers), None, None), never),
            (rule(Some(Expiration::Date(Timestamp::default())), None, None), day),
        ] {
            let disabled = LifecycleRule { abort_after_days: Some(1), ..LifecycleRule::default() };
            assert_eq!(soonest(&rules(vec![disabled.clone()]), DayLength::REAL), None);
            assert_eq!(soonest(&rules(vec![disabled, rule.clone()]), DayLength::REAL), Some(expected), "{rule:?}");
        }
    }

    proptest! {
        #[test]
        fn days_are_over_after_as_many_days_and_less_than_one_more(
            from in -1_000_000_000_000..4_000_000_000_000_i64, days in 1..100_000_u32
        ) {
            let due = DayLength::REAL.after(Timestamp::from_unix_millis(from), days).unix_millis();
            let passed = due - from;
            prop_assert_eq!(due % 86_400_000, 0);
            prop_assert!((i64::from(days) * 86_400_000..(i64::from(days) + 1) * 86_400_000).contains(&passed));
        }

        #[test]
        fn no_number_of_days_is_too_many(from in any::<i64>(), days in any::<u32>(), day in any::<u64>()) {
            let day = DayLength::new(Duration::from_millis(day));
            let from = Timestamp::from_unix_millis(from);
            prop_assert!(day.after(from, days) >= from);
        }
    }
}
