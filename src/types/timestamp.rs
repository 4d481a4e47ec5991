//! Wall-clock times. They decorate (Last-Modified, dates in lists); no decision is made by them, but of what is about dates
//! by its nature: the end of a retention (`object_lock.rs`).

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

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
    /// Digit by digit: a page of a list has a thousand of them, and `time`'s formatting takes a twelfth of its cost.
    pub fn to_iso_8601(self) -> String {
        let at = self.to_offset_date_time();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        write_digits(&mut text[0..4], at.year().unsigned_abs());
        write_digits(&mut text[5..7], u8::from(at.month()).into());
        write_digits(&mut text[8..10], at.day().into());
        write_digits(&mut text[11..13], at.hour().into());
        write_digits(&mut text[14..16], at.minute().into());
        write_digits(&mut text[17..19], at.second().into());
        write_digits(&mut text[20..23], at.millisecond().into());
        str::from_utf8(&text).expect("digits are ASCII").to_owned()
    }

    /// As HTTP headers give it: `Mon, 12 Oct 2009 17:50:30 GMT`. Whole seconds; the form has four digits for the year, so
    /// later dates are shown as its last one.
    pub fn to_http_date(self) -> String {
        const LAST_SECONDS: u64 = 253_402_300_799;
        let seconds = u64::try_from(self.unix_seconds()).unwrap_or(0).min(LAST_SECONDS);
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
    }

    /// An RFC 3339 date, as XML bodies and headers of S3 have them. What is finer than a millisecond counts as one more.
    pub fn from_iso_8601(text: &str) -> Option<Self> {
        let date = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
        let millis = (date.unix_timestamp_nanos() + 999_999).div_euclid(1_000_000);
        i64::try_from(millis).ok().map(Self)
    }

    /// Dates outside the years that the calendar library knows are shown as its last one.
    pub fn to_offset_date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(time::macros::datetime!(9999-12-31 23:59:59 UTC))
    }
}

/// The last digits of the number, as many as there are places.
fn write_digits(places: &mut [u8], mut number: u32) {
    for place in places.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::format_description;

    proptest! {
        #[test]
        fn dates_are_written_as_the_calendar_library_writes_them(millis in 0..253_402_300_800_000_i64) {
            let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
            let at = Timestamp::from_unix_millis(millis);
            prop_assert_eq!(at.to_iso_8601(), at.to_offset_date_time().format(&format).unwrap());
            prop_assert_eq!(Timestamp::from_iso_8601(&at.to_iso_8601()), Some(at));
        }

        #[test]
        fn any_text_is_a_date_or_none(text in "[-+:.TZ0-9 ]{0,40}|.{0,40}") {
            let _ = Timestamp::from_iso_8601(&text);
        }
    }

    #[test]
    fn formats_are_those_of_s3() {
        let at = Timestamp::from_unix_millis(1_255_369_830_123);
        assert_eq!(at.to_iso_8601(), "2009-10-12T17:50:30.123Z");
        assert_eq!(at.to_http_date(), "Mon, 12 Oct 2009 17:50:30 GMT");
        let parsed = |text| Timestamp::from_iso_8601(text).map(Timestamp::unix_millis);
        assert_eq!(parsed("2009-10-12T17:50:30.1220001Z"), Some(1_255_369_830_123));
        assert_eq!(parsed("2009-10-12T19:50:30.123+02:00"), Some(1_255_369_830_123));
        assert_eq!(parsed("2009-10-12"), None);
        let never = Timestamp::from_unix_millis(i64::MAX);
        assert_eq!(never.to_http_date(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
