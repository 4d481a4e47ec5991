//! ETags: the MD5 of a plain object, `md5-of-md5s-N` of a multipart one, `chain-aN` of one that was appended to. Never dependent on
//! how we cut chunks.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// An entity tag without its quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ETag(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entity tag")]
pub struct InvalidETag;

impl ETag {
    pub fn from_md5(md5: [u8; 16]) -> Self {
        Self(const_hex::encode(md5))
    }

    /// `md5_of_md5s` is the MD5 of the parts' binary MD5s one behind the other.
    pub fn multipart(md5_of_md5s: [u8; 16], part_count: usize) -> Self {
        Self(format!("{}-{part_count}", const_hex::encode(md5_of_md5s)))
    }

    /// Of an object that was appended to and has `part_count` parts since. `chain` is the MD5 of the tag that it had before and the
    /// binary MD5 of what was added: the same appends to the same object give the same tag, and no other form can be taken for it.
    pub fn appended(chain: [u8; 16], part_count: u32) -> Self {
        Self(format!("{}-a{part_count}", const_hex::encode(chain)))
    }

    /// The MD5 when this is the tag of a plain object or a part.
    pub fn md5(&self) -> Option<[u8; 16]> {
        let mut md5 = [0; 16];
        const_hex::decode_to_slice(&self.0, &mut md5).ok().map(|()| md5)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With quotes, as headers and XML bodies carry it.
    pub fn quoted(&self) -> String {
        ["\"", &self.0, "\""].concat()
    }
}

/// Accepts the tag with or without quotes, as clients send it in conditions and part lists. What is inside is
/// compared, not understood: any printable ASCII without quotes, at most 128 bytes.
impl FromStr for ETag {
    type Err = InvalidETag;

    fn from_str(text: &str) -> Result<Self, InvalidETag> {
        let text = text.trim();
        let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let allowed =
            !inner.is_empty() && inner.len() <= 128 && inner.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if allowed { Ok(Self(inner.to_owned())) } else { Err(InvalidETag) }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_optional_when_parsed_and_there_when_shown() {
        let tag = ETag::from_md5([0xab; 16]);
        assert_eq!(tag.quoted().parse::<ETag>().unwrap(), tag);
        assert_eq!(tag.as_str().parse::<ETag>().unwrap(), tag);
        assert_eq!(tag.md5(), Some([0xab; 16]));
        let multipart = ETag::multipart([1; 16], 3);
        assert!(multipart.as_str().ends_with("-3"));
        assert_eq!(multipart.md5(), None);
        let appended = ETag::appended([1; 16], 3);
        assert!(appended.as_str().ends_with("01-a3"));
        assert_eq!((appended.md5(), appended.quoted().parse()), (None, Ok(appended.clone())));
        assert!("\"\"".parse::<ETag>().is_err());
        assert!("a\"b".parse::<ETag>().is_err());
    }
}
