//! Wall-clock times. They decorate (Last-Modified, dates in lists); no decision is made by them.

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const ISO_8601: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl Timestamp {
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// As S3's XML bodies give it: `2009-10-12T17:50:30.000Z`.
    pub fn to_iso_8601(self) -> String {
        self.to_offset_date_time().format(&ISO_8601).expect("every field of the format exists in a date")
    }

    /// As HTTP headers give it: `Mon, 12 Oct 2009 17:50:30 GMT`. Whole seconds.
    pub fn to_http_date(self) -> String {
        let seconds = u64::try_from(self.unix_seconds()).unwrap_or(0);
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
    }

    /// Dates outside the years that the calendar library knows are shown as its last one.
    pub fn to_offset_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(time::macros::datetime!(9999-12-31 23:59:59 UTC))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_s3() {
        let at = Timestamp::from_unix_millis(1_255_369_830_123);
        assert_eq!(at.to_iso_8601(), "2009-10-12T17:50:30.123Z");
        assert_eq!(at.to_http_date(), "Mon, 12 Oct 2009 17:50:30 GMT");
    }
}
