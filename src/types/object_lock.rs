//! Object Lock: what keeps a version from being removed, as values and as rules on them. The commit applies the rules
//! (`metadata/apply/locks.rs`). Sources: Amazon S3 User Guide, "Locking objects with Object Lock", "Object Lock considerations".
//!
//! Here a decision depends on a wall clock, because a retention is about a date. The time that counts is the one that the
//! gateway put into the command; a client never brings it.

use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use time::{Date, Month};

/// Who may end a retention before its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetentionMode {
    /// Whoever may bypass it, and says so in the request.
    Governance,
    /// Nobody.
    Compliance,
}

impl RetentionMode {
    pub const ALL: [Self; 2] = [Self::Governance, Self::Compliance];

    /// As S3 writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// Capitals alone, as in S3.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A version is kept until a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    pub mode: RetentionMode,
    pub until: Timestamp,
}

impl Retention {
    /// At its date itself it is over.
    fn is_active(&self, at: Timestamp) -> bool {
        self.until > at
    }

    fn yields_to(&self, bypass: Bypass) -> bool {
        match (self.mode, bypass) {
            (RetentionMode::Governance, Bypass::Governance) => true,
            (RetentionMode::Governance, Bypass::None) | (RetentionMode::Compliance, _) => false,
        }
    }
}

/// A version is kept until somebody switches this off, whatever its retention says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LegalHold {
    On,
    Off,
}

impl LegalHold {
    pub const ALL: [Self; 2] = [Self::On, Self::Off];

    /// As S3 writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "ON",
            Self::Off => "OFF",
        }
    }

    /// Capitals alone, as in S3.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.name() == name)
    }
}

/// Whether a request may and wants to break a retention in governance mode: `x-amz-bypass-governance-retention`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bypass {
    #[default]
    None,
    Governance,
}

/// What keeps one version. What was never set is absent: S3 tells that from a legal hold that is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionLock {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<LegalHold>,
}

impl VersionLock {
    /// Whether the version must stay when somebody wants it gone at `at`.
    pub fn keeps(&self, at: Timestamp, bypass: Bypass) -> bool {
        self.legal_hold == Some(LegalHold::On)
            || self.retention.is_some_and(|kept| kept.is_active(at) && !kept.yields_to(bypass))
    }

    /// Whether its retention may become `new` at `at`. A longer one of the same mode always; another mode, an earlier date or
    /// none only when the present one is over or yields. A legal hold has no say in it, as in S3.
    pub fn may_become(&self, new: Option<Retention>, at: Timestamp, bypass: Bypass) -> bool {
        let Some(present) = self.retention.filter(|present| present.is_active(at)) else { return true };
        let is_as_strong = new.is_some_and(|new| new.mode == present.mode && new.until >= present.until);
        is_as_strong || present.yields_to(bypass)
    }
}

/// How long a bucket's new versions are kept: at least a day, at most about a hundred years, as in S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionPeriod {
    Days(NonZeroU16),
    Years(NonZeroU16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRetentionPeriod {
    #[error("the period is not positive")]
    NotPositive,
    #[error("the period is longer than a hundred years")]
    TooLong,
}

const DAYS_MAX: i64 = 36_500;
const YEARS_MAX: i64 = 100;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl RetentionPeriod {
    pub fn days(count: i64) -> Result<Self, InvalidRetentionPeriod> {
        period(count, DAYS_MAX).map(Self::Days)
    }

    pub fn years(count: i64) -> Result<Self, InvalidRetentionPeriod> {
        period(count, YEARS_MAX).map(Self::Years)
    }

    /// The end of a period that begins at `from`. A day has 24 hours. A year ends on the same date and time; what began on a
    /// 29th of February ends on a 1st of March where there is none, so that a year is never cut.
    pub fn end(self, from: Timestamp) -> Timestamp {
        match self {
            Self::Days(days) => Timestamp::from_unix_millis(
                from.unix_millis().saturating_add(i64::from(days.get()).saturating_mul(DAY_MILLIS)),
            ),
            Self::Years(years) => years_later(from, i32::from(years.get())),
        }
    }
}

fn period(count: i64, most: i64) -> Result<NonZeroU16, InvalidRetentionPeriod> {
    if count < 1 {
        return Err(InvalidRetentionPeriod::NotPositive);
    }
    let count = u16::try_from(count).ok().filter(|count| i64::from(*count) <= most).and_then(NonZeroU16::new);
    count.ok_or(InvalidRetentionPeriod::TooLong)
}

fn years_later(from: Timestamp, years: i32) -> Timestamp {
    let begin = from.to_offset_date_time();
    let year = begin.year().saturating_add(years);
    let end = begin.date().replace_year(year).or_else(|_| Date::from_calendar_date(year, Month::March, 1));
    // Behind the calendar's last year the last date that there is.
    let end = end.unwrap_or(Date::MAX);
    let days = (end - begin.date()).whole_days();
    Timestamp::from_unix_millis(from.unix_millis().saturating_add(days.saturating_mul(DAY_MILLIS)))
}

/// What a version gets that asks for no retention of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    pub mode: RetentionMode,
    pub period: RetentionPeriod,
}

impl DefaultRetention {
    pub fn from(self, created: Timestamp) -> Retention {
        Retention { mode: self.mode, until: self.period.end(created) }
    }
}

/// Of a bucket that has Object Lock. There is no way back to one that has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLockConfiguration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_retention: Option<DefaultRetention>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use RetentionMode::{Compliance, Governance};
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn retained(mode: RetentionMode, until: i64) -> VersionLock {
        VersionLock { retention: Some(Retention { mode, until: at(until) }), legal_hold: None }
    }

    #[test]
    fn a_version_stays_as_the_table_says() {
        let held = |hold| VersionLock { legal_hold: Some(hold), ..VersionLock::default() };
        for (lock, stays, stays_under_bypass) in [
            (VersionLock::default(), false, false),
            (retained(Governance, 11), true, false),
            (retained(Governance, 10), false, false),
            (retained(Compliance, 11), true, true),
            (retained(Compliance, 10), false, false),
            (held(LegalHold::On), true, true),
            (held(LegalHold::Off), false, false),
            (VersionLock { legal_hold: Some(LegalHold::On), ..retained(Governance, 5) }, true, true),
            (VersionLock { legal_hold: Some(LegalHold::Off), ..retained(Compliance, 50) }, true, true),
        ] {
            assert_eq!(lock.keeps(at(10), Bypass::None), stays, "{lock:?}");
            assert_eq!(lock.keeps(at(10), Bypass::Governance), stays_under_bypass, "{lock:?}");
        }
    }

    #[test]
    fn a_retention_changes_as_the_table_says() {
        let to = |mode, until| Some(Retention { mode, until: at(until) });
        for (present, new, may, may_under_bypass) in [
            (VersionLock::default(), to(Governance, 1), true, true),
            (retained(Governance, 20), to(Governance, 21), true, true),
            (retained(Governance, 20), to(Governance, 20), true, true),
            (retained(Governance, 20), to(Governance, 19), false, true),
            (retained(Governance, 20), to(Compliance, 20), false, true),
            (retained(Governance, 20), to(Compliance, 30), false, true),
            (retained(Governance, 20), None, false, true),
            (retained(Compliance, 20), to(Compliance, 21), true, true),
            (retained(Compliance, 20), to(Compliance, 19), false, false),
            (retained(Compliance, 20), to(Governance, 30), false, false),
            (retained(Compliance, 20), None, false, false),
            (retained(Compliance, 10), None, true, true),
            (retained(Compliance, 10), to(Governance, 11), true, true),
        ] {
            assert_eq!(present.may_become(new, at(10), Bypass::None), may, "{present:?} to {new:?}");
            assert_eq!(present.may_become(new, at(10), Bypass::Governance), may_under_bypass, "{present:?} to {new:?}");
        }
    }

    #[test]
    fn periods_have_the_bounds_of_s3() {
        for count in [0, -1, i64::MIN] {
            assert_eq!(RetentionPeriod::days(count), Err(InvalidRetentionPeriod::NotPositive));
            assert_eq!(RetentionPeriod::years(count), Err(InvalidRetentionPeriod::NotPositive));
        }
        assert!(RetentionPeriod::days(1).is_ok() && RetentionPeriod::days(36_500).is_ok());
        assert!(RetentionPeriod::years(1).is_ok() && RetentionPeriod::years(100).is_ok());
        for count in [36_501, 65_536, 65_537, i64::MAX] {
            assert_eq!(RetentionPeriod::days(count), Err(InvalidRetentionPeriod::TooLong));
        }
        assert_eq!(RetentionPeriod::years(101), Err(InvalidRetentionPeriod::TooLong));
    }

    #[test]
    fn a_year_is_never_cut() {
        let date = |text: &str| {
            let format = &time::format_description::well_known::Rfc3339;
            at(time::OffsetDateTime::parse(text, format).unwrap().unix_timestamp() * 1000)
        };
        for (from, years, end) in [
            ("2024-02-29T12:00:00Z", 1, "2025-03-01T12:00:00Z"),
            ("2024-02-29T12:00:00Z", 4, "2028-02-29T12:00:00Z"),
            ("2025-07-01T00:00:00Z", 100, "2125-07-01T00:00:00Z"),
            ("9990-07-01T00:00:00Z", 100, "9999-12-31T00:00:00Z"),
        ] {
            assert_eq!(RetentionPeriod::years(years).unwrap().end(date(from)), date(end), "{from}");
        }
    }

    fn lock() -> impl Strategy<Value = VersionLock> {
        let mode = prop_oneof![Just(Governance), Just(Compliance)];
        let retention = prop::option::of((mode, 0..20_i64))
            .prop_map(|kept| kept.map(|(mode, until)| Retention { mode, until: at(until) }));
        let hold = prop::option::of(prop_oneof![Just(LegalHold::On), Just(LegalHold::Off)]);
        (retention, hold).prop_map(|(retention, legal_hold)| VersionLock { retention, legal_hold })
    }

    proptest! {
        /// Who may not remove a version may not first weaken its retention and then remove it.
        #[test]
        fn no_change_of_a_retention_makes_a_version_removable(
            lock in lock(), other in lock(), now in 0..20_i64, later in 0..20_i64, governance in any::<bool>()
        ) {
            let bypass = if governance { Bypass::Governance } else { Bypass::None };
            let changed = VersionLock { retention: other.retention, ..lock };
            let later = at(now.max(later));
            if lock.may_become(other.retention, at(now), bypass) && lock.keeps(later, bypass) {
                prop_assert!(changed.keeps(later, bypass));
            }
        }

        #[test]
        fn a_period_ends_behind_its_beginning(from in 0..4_102_444_800_000_i64, days in 1..36_501_i64, years in 1..101_i64) {
            let end = RetentionPeriod::days(days).unwrap().end(at(from));
            prop_assert_eq!(end.unix_millis() - from, days * DAY_MILLIS);
            let end = RetentionPeriod::years(years).unwrap().end(at(from)).unix_millis() - from;
            prop_assert!(end >= years * 365 * DAY_MILLIS && end <= years * 366 * DAY_MILLIS + DAY_MILLIS);
        }
    }
}
