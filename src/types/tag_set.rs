//! Tags of objects and buckets. Rules: Amazon S3 User Guide, "Categorizing your objects using tags".

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many tags the resource may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagLimit {
    /// 10.
    Object,
    /// 50.
    Bucket,
}

impl TagLimit {
    pub const fn count(self) -> usize {
        match self {
            Self::Object => 10,
            Self::Bucket => 50,
        }
    }
}

/// Tags by key: at most 128 characters a key, 256 a value, no key twice, no `aws:` prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagSet(BTreeMap<String, String>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTagSet {
    #[error("there are more than {0} tags")]
    TooMany(usize),
    #[error("the tag key `{0}` stands twice")]
    DuplicateKey(String),
    #[error("a tag key is empty or longer than 128 characters")]
    KeyLength,
    #[error("a tag value is longer than 256 characters")]
    ValueLength,
    #[error("the prefix `aws:` is reserved")]
    ReservedPrefix,
    #[error("a tag holds a character that is not allowed")]
    Character,
}

fn character_is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

impl TagSet {
    pub fn new(tags: impl IntoIterator<Item = (String, String)>, limit: TagLimit) -> Result<Self, InvalidTagSet> {
        let mut set = BTreeMap::new();
        for (key, value) in tags {
            match key.chars().count() {
                1..=128 => {}
                _ => return Err(InvalidTagSet::KeyLength),
            }
            if value.chars().count() > 256 {
                return Err(InvalidTagSet::ValueLength);
            }
            if key.starts_with("aws:") {
                return Err(InvalidTagSet::ReservedPrefix);
            }
            if !key.chars().chain(value.chars()).all(character_is_allowed) {
                return Err(InvalidTagSet::Character);
            }
            if set.insert(key.clone(), value).is_some() {
                return Err(InvalidTagSet::DuplicateKey(key));
            }
            if set.len() > limit.count() {
                return Err(InvalidTagSet::TooMany(limit.count()));
            }
        }
        Ok(Self(set))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn limits_are_those_of_s3() {
        assert_eq!(TagSet::new([tag("a", ""), tag("b", "x y_.:/=+-@ü")], TagLimit::Object).unwrap().len(), 2);
        assert_eq!(
            TagSet::new([tag("a", "1"), tag("a", "2")], TagLimit::Object),
            Err(InvalidTagSet::DuplicateKey("a".into()))
        );
        assert_eq!(TagSet::new([tag("", "1")], TagLimit::Object), Err(InvalidTagSet::KeyLength));
        assert_eq!(TagSet::new([tag(&"k".repeat(129), "1")], TagLimit::Object), Err(InvalidTagSet::KeyLength));
        assert_eq!(TagSet::new([tag("k", &"v".repeat(257))], TagLimit::Object), Err(InvalidTagSet::ValueLength));
        assert_eq!(TagSet::new([tag("aws:x", "1")], TagLimit::Object), Err(InvalidTagSet::ReservedPrefix));
        assert_eq!(TagSet::new([tag("a&b", "1")], TagLimit::Object), Err(InvalidTagSet::Character));
        let eleven = || (0..11).map(|i| tag(&format!("k{i}"), ""));
        assert_eq!(TagSet::new(eleven(), TagLimit::Object), Err(InvalidTagSet::TooMany(10)));
        assert!(TagSet::new(eleven(), TagLimit::Bucket).is_ok());
    }
}
