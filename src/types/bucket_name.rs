//! Bucket names. Rules: Amazon S3 User Guide, "General purpose bucket naming rules".

use serde::{Deserialize, Serialize};
use std::{fmt, net::Ipv4Addr, str::FromStr};

/// A name of 3 to 63 characters that S3 allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bucket name is not valid")]
pub struct InvalidBucketName;

impl BucketName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_allowed(name: &str) -> bool {
    let label_is_allowed = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && name.split('.').all(label_is_allowed)
        && name.parse::<Ipv4Addr>().is_err()
        && !name.starts_with("xn--")
        && !name.starts_with("sthree-")
        && !name.starts_with("amzn-s3-demo-")
        && !name.ends_with("-s3alias")
        && !name.ends_with("--ol-s3")
        && !name.ends_with(".mrap")
        && !name.ends_with("--x-s3")
        && !name.ends_with("--table-s3")
}

impl FromStr for BucketName {
    type Err = InvalidBucketName;

    fn from_str(name: &str) -> Result<Self, InvalidBucketName> {
        if is_allowed(name) { Ok(Self(name.to_owned())) } else { Err(InvalidBucketName) }
    }
}

impl TryFrom<String> for BucketName {
    type Error = InvalidBucketName;

    fn try_from(name: String) -> Result<Self, InvalidBucketName> {
        if is_allowed(&name) { Ok(Self(name)) } else { Err(InvalidBucketName) }
    }
}

impl From<BucketName> for String {
    fn from(name: BucketName) -> String {
        name.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_s3() {
        for good in ["abc", "a.b", "my-bucket.2", "0ab", "a--b", &"a".repeat(63)] {
            assert!(good.parse::<BucketName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "a..b",
            "a-.b",
            "a.-b",
            "a_b",
            "Abc",
            "192.168.5.123",
            "abc-",
            "-abc",
            ".abc",
            "abc.",
            "xn--abc",
            "abc-s3alias",
            "a b",
            "ä-b",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<BucketName>().is_err(), "{bad}");
        }
    }
}
