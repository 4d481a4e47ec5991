//! Which bytes of an object a read means. Parsing of a range's text and its resolution against a size are apart,
//! because the text comes before the look-up and the size with it. Source: RFC 9110, section 14, and Amazon S3 API
//! Reference, "GetObject": one range a request; a header that S3 does not understand is ignored.

use crate::metadata::rows::ReadFrom;
use std::ops::Range;

/// One byte range as a client writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=2-5`; the last byte is included.
    FromTo { first: u64, last: u64 },
    /// `bytes=2-`
    From { first: u64 },
    /// `bytes=-5`
    Suffix { length: u64 },
}

/// The range has no byte of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsatisfiable;

impl ByteRange {
    /// A `Range` header of a GET or HEAD. `None`, which means the whole object, for what S3 ignores: other units,
    /// several ranges, and whatever is no range.
    pub fn parse(header: &str) -> Option<Self> {
        let (unit, spec) = header.trim().split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = spec.trim().split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", length) => Some(Self::Suffix { length: parse_position(length)? }),
            (first, "") => Some(Self::From { first: parse_position(first)? }),
            (first, last) => {
                let (first, last) = (parse_position(first)?, parse_position(last)?);
                (first <= last).then_some(Self::FromTo { first, last })
            }
        }
    }

    /// `x-amz-copy-source-range`: only `bytes=first-last`, exactly.
    pub fn parse_copy_source(header: &str) -> Option<Self> {
        let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (parse_position(first)?, parse_position(last)?);
        (first <= last).then_some(Self::FromTo { first, last })
    }

    /// The bytes that the range means in an object of `size` bytes; what reaches beyond the end is cut.
    pub fn resolve(self, size: u64) -> Result<Range<u64>, Unsatisfiable> {
        let range = match self {
            Self::FromTo { first, last } => first..last.saturating_add(1).min(size),
            Self::From { first } => first..size,
            Self::Suffix { length } => size.saturating_sub(length)..size,
        };
        if range.start < range.end { Ok(range) } else { Err(Unsatisfiable) }
    }

    /// From which byte on the look-up has to return extents.
    pub fn read_from(self) -> ReadFrom {
        match self {
            Self::FromTo { first, .. } | Self::From { first } => ReadFrom::Offset(first),
            Self::Suffix { length } => ReadFrom::Suffix(length),
        }
    }
}

/// Digits only: `u64::from_str` would take a plus sign. A number too large for the type lies behind every object.
fn parse_position(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resolve(header: &str, size: u64) -> Option<Result<Range<u64>, Unsatisfiable>> {
        ByteRange::parse(header).map(|range| range.resolve(size))
    }

    #[test]
    fn headers_resolve_as_s3_does() {
        for (header, size, expected) in [
            ("bytes=0-3", 10, Some(Ok(0..4))),
            ("bytes=4-", 10, Some(Ok(4..10))),
            ("bytes=-4", 10, Some(Ok(6..10))),
            ("bytes=-40", 10, Some(Ok(0..10))),
            ("bytes=8-99", 10, Some(Ok(8..10))),
            ("bytes=9-9", 10, Some(Ok(9..10))),
            ("Bytes= 1 - 2 ", 10, Some(Ok(1..3))),
            ("bytes=0-18446744073709551615", 10, Some(Ok(0..10))),
            ("bytes=0-99999999999999999999999", 10, Some(Ok(0..10))),
            ("bytes=10-", 10, Some(Err(Unsatisfiable))),
            ("bytes=10-20", 10, Some(Err(Unsatisfiable))),
            ("bytes=-0", 10, Some(Err(Unsatisfiable))),
            ("bytes=0-0", 0, Some(Err(Unsatisfiable))),
            ("bytes=-1", 0, Some(Err(Unsatisfiable))),
            ("bytes=5-3", 10, None),
            ("bytes=0-1,3-4", 10, None),
            ("bytes=+1-2", 10, None),
            ("bytes=a-b", 10, None),
            ("bytes=-", 10, None),
            ("bytes", 10, None),
            ("items=0-1", 10, None),
            ("", 10, None),
        ] {
            assert_eq!(resolve(header, size), expected, "{header} of {size}");
        }
    }

    #[test]
    fn copy_sources_take_only_the_full_form() {
        assert_eq!(ByteRange::parse_copy_source("bytes=0-4"), Some(ByteRange::FromTo { first: 0, last: 4 }));
        for bad in ["0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5", "bytes=-2"] {
            assert_eq!(ByteRange::parse_copy_source(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_resolved_range_lies_inside_the_object(first: u64, last: u64, size in 0..u64::MAX, shape in 0..3) {
            let range = match shape {
                0 => ByteRange::FromTo { first, last },
                1 => ByteRange::From { first },
                _ => ByteRange::Suffix { length: first },
            };
            if let Ok(resolved) = range.resolve(size) {
                prop_assert!(resolved.start < resolved.end && resolved.end <= size);
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = ByteRange::parse(&text);
            let _ = ByteRange::parse_copy_source(&text);
        }
    }
}
