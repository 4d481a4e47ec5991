//! Object keys: 1 to 1024 bytes of UTF-8, all of them ordinary. `..`, `//`, a leading `/` and `%2F` mean nothing
//! special: keys never become file names. Source: Amazon S3 User Guide, "Naming Amazon S3 objects".

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of an object in its bucket, decoded once. Compared and listed as bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObjectKey {
    #[error("the key is empty")]
    Empty,
    #[error("the key is longer than 1024 bytes")]
    TooLong,
    #[error("the key is not UTF-8")]
    NotUtf8,
}

impl ObjectKey {
    pub const LENGTH_MAX_BYTES: usize = 1024;

    /// `text` is already percent-decoded.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidObjectKey> {
        let text = text.into();
        match text.len() {
            0 => Err(InvalidObjectKey::Empty),
            length if length > Self::LENGTH_MAX_BYTES => Err(InvalidObjectKey::TooLong),
            _ => Ok(Self(text)),
        }
    }

    pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, InvalidObjectKey> {
        String::from_utf8(bytes).map_err(|_| InvalidObjectKey::NotUtf8).and_then(Self::new)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = InvalidObjectKey;

    fn try_from(text: String) -> Result<Self, InvalidObjectKey> {
        Self::new(text)
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> String {
        key.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_ordinary_up_to_1024_of_them() {
        for key in ["..", "//", "/a", "a/../b", "+", "%2F", "ключ", &"k".repeat(1024)] {
            assert_eq!(ObjectKey::new(key).unwrap().as_str(), key);
        }
        assert_eq!(ObjectKey::new(""), Err(InvalidObjectKey::Empty));
        assert_eq!(ObjectKey::new("k".repeat(1025)), Err(InvalidObjectKey::TooLong));
        assert_eq!(ObjectKey::from_utf8(vec![0xff]), Err(InvalidObjectKey::NotUtf8));
    }
}
