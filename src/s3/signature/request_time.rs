//! When a request says it was made: `x-amz-date`, or the plain `Date` where that is absent.

use crate::{
    s3::error::{S3Code, S3Error},
    types::Timestamp,
};
use std::time::{Duration, UNIX_EPOCH};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// How far a request's time may be from ours. Amazon S3: 15 minutes.
pub const SKEW_MAX: Duration = Duration::from_secs(15 * 60);

/// A time of whole seconds, with the text under which it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTime {
    unix_seconds: i64,
    text: String,
}

impl RequestTime {
    /// `20250131T235959Z`, exactly.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<u16> {
            let digits = bytes.get(from..to)?;
            digits.iter().try_fold(0_u16, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u16::from(b - b'0')))
        };
        let small = |from: usize| number(from, from + 2).map(|value| value as u8);
        let date =
            Date::from_calendar_date(i32::from(number(0, 4)?), Month::try_from(small(4)?).ok()?, small(6)?).ok()?;
        let time = Time::from_hms(small(9)?, small(11)?, small(13)?).ok()?;
        let unix_seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
        Some(Self { unix_seconds, text: text.to_owned() })
    }

    /// The `Date` header: an HTTP date, or the basic form, which some clients put there.
    pub fn parse_date_header(text: &str) -> Option<Self> {
        if let Some(time) = Self::parse_basic(text) {
            return Some(time);
        }
        // RFC 2822 writes the zone as a number; Python's signers write an unknown one.
        let text = text.replace("+0000", "GMT").replace("-0000", "GMT");
        let since = httpdate::parse_http_date(&text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Self::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
    }

    pub fn from_unix_seconds(unix_seconds: i64) -> Option<Self> {
        let at = OffsetDateTime::from_unix_timestamp(unix_seconds).ok()?;
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        let (hour, minute, second) = at.to_hms();
        let text = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
        Some(Self { unix_seconds, text })
    }

    pub fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }

    /// `20250131T235959Z`: what is signed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `20250131`.
    pub fn date(&self) -> &str {
        self.text.split_once('T').map_or("", |(date, _)| date)
    }

    /// For a signature that counts only now.
    pub fn check_fresh(&self, now: Timestamp) -> Result<(), S3Error> {
        if self.is_fresh(now) {
            return Ok(());
        }
        Err(S3Error::new(S3Code::RequestTimeTooSkewed)
            .field("RequestTime", self.as_str())
            .field("ServerTime", now.to_iso_8601())
            .field("MaxAllowedSkewMilliseconds", SKEW_MAX.as_millis().to_string()))
    }

    /// Whether the time lies within `SKEW_MAX` of `now`, on both sides.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.unix_seconds().abs_diff(self.unix_seconds) <= SKEW_MAX.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_date_mean_the_same() {
        let basic = RequestTime::parse_basic("20091012T175030Z").unwrap();
        for text in [
            "20091012T175030Z",
            "Mon, 12 Oct 2009 17:50:30 GMT",
            "Mon, 12 Oct 2009 17:50:30 +0000",
            "Mon, 12 Oct 2009 17:50:30 -0000",
        ] {
            assert_eq!(RequestTime::parse_date_header(text).as_ref(), Some(&basic), "{text}");
        }
        assert_eq!((basic.unix_seconds(), basic.date()), (1_255_369_830, "20091012"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "20091012",
            "20091312T175030Z",
            "20091012T245030Z",
            "2009101aT175030Z",
            "20091012T175030+",
            "yesterday",
        ] {
            assert_eq!(RequestTime::parse_basic(text), None, "{text}");
            assert_eq!(RequestTime::parse_date_header(text), None, "{text}");
        }
    }

    #[test]
    fn fifteen_minutes_are_fresh_on_both_sides() {
        let time = RequestTime::from_unix_seconds(1_000_000).unwrap();
        for (offset, fresh) in [(0, true), (900, true), (-900, true), (901, false), (-901, false)] {
            assert_eq!(time.is_fresh(Timestamp::from_unix_millis((1_000_000 + offset) * 1000)), fresh, "{offset}");
        }
    }

    proptest! {
        #[test]
        fn texts_parse_back(seconds in 0_i64..253_402_300_799) {
            let time = RequestTime::from_unix_seconds(seconds).unwrap();
            prop_assert_eq!(RequestTime::parse_basic(time.as_str()), Some(time));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,32}") {
            let _ = RequestTime::parse_date_header(&text);
        }
    }
}
