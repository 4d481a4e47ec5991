//! `s3://bucket/key`, as people write it.

use crate::types::BucketName;
use std::{fmt, str::FromStr};

/// A bucket and what stands behind it: a key, a prefix, or nothing. The key's bytes are taken as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub bucket: BucketName,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    #[error("`{0}` is no S3 location; write s3://BUCKET or s3://BUCKET/KEY")]
    Scheme(String),
    #[error("`{0}` is no valid bucket name")]
    Bucket(String),
}

impl Location {
    /// The key's last segment: the name of a file that it is written to.
    pub fn file_name(&self) -> Option<&str> {
        self.key.rsplit('/').next().filter(|name| !name.is_empty() && *name != "." && *name != "..")
    }
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        let rest = text.strip_prefix("s3://").ok_or_else(|| InvalidLocation::Scheme(text.to_owned()))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let bucket = bucket.parse().map_err(|_| InvalidLocation::Bucket(bucket.to_owned()))?;
        Ok(Self { bucket, key: key.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_split_at_the_first_slash_and_keep_the_key_as_it_is() {
        for (text, bucket, key) in [
            ("s3://abc", "abc", ""),
            ("s3://abc/", "abc", ""),
            ("s3://abc/a/b", "abc", "a/b"),
            ("s3://abc//a//b/", "abc", "/a//b/"),
            ("s3://abc/ä b?c#d%2F", "abc", "ä b?c#d%2F"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!((location.bucket.as_str(), location.key.as_str()), (bucket, key), "{text}");
        }
        for text in ["", "abc", "abc/def", "s3:/abc", "s3://", "s3:///key", "s3://A_B/key", "https://abc/key"] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_file_name_is_the_last_segment_and_never_points_elsewhere() {
        let name = |text: &str| text.parse::<Location>().unwrap().file_name().map(str::to_owned);
        assert_eq!(name("s3://abc/a/b.txt").as_deref(), Some("b.txt"));
        for text in ["s3://abc", "s3://abc/a/", "s3://abc/..", "s3://abc/a/."] {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
