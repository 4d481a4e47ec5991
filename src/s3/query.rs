//! The query string: ordered pairs, decoded once. The signature check and the handlers read the same pairs.

use super::percent::{self, InvalidEncoding, PlusSign};

/// Bound of pairs in one query: a presigned URL has 7 of its own, ListObjectVersions 8.
pub const PAIRS_MAX: usize = 128;

/// Of the headers that S3 takes from a query too.
const HEADER_PREFIX: &str = "x-amz-";

/// The name of the header that a parameter stands for; `None` when it stands for none.
pub fn header_name(parameter: &str) -> Option<String> {
    let is_amazons =
        parameter.get(..HEADER_PREFIX.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(HEADER_PREFIX));
    is_amazons.then(|| parameter.to_ascii_lowercase())
}

/// Decoded names and values in the order in which they came. A name without `=` has an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

/// Why a query string was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    #[error("the query is not percent-encoded UTF-8")]
    Encoding,
    #[error("the query has more than {PAIRS_MAX} parameters")]
    TooMany,
}

impl From<InvalidEncoding> for InvalidQuery {
    fn from(_: InvalidEncoding) -> Self {
        Self::Encoding
    }
}

impl Query {
    /// `text` is what stands behind the `?`. Empty pairs (`a=1&&b=2`) are skipped, as S3 does.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == PAIRS_MAX {
                return Err(InvalidQuery::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((percent::decode(name, PlusSign::IsSpace)?, percent::decode(value, PlusSign::IsSpace)?));
        }
        Ok(Self { pairs })
    }

    /// The value of the first parameter of that name; names are compared with case, as S3 does.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same for a name that stands for a header, whose case says nothing.
    pub fn get_ignoring_case(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether more than one parameter has that name.
    pub fn repeats(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(known, _)| known == name).nth(1).is_some()
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_order_and_are_decoded_once() {
        let query = Query::parse("b=%2525&a&&prefix=x%2Fy+z&a=2").unwrap();
        let pairs: Vec<_> = query.iter().collect();
        assert_eq!(pairs, [("b", "%25"), ("a", ""), ("prefix", "x/y z"), ("a", "2")]);
        assert_eq!(query.get("a"), Some(""));
        assert!(!query.contains("A"));
        assert_eq!(query.get_ignoring_case("A"), Some(""));
        assert!(query.repeats("a") && !query.repeats("b") && !query.repeats("A"));
    }

    #[test]
    fn what_is_not_percent_encoded_utf8_is_refused() {
        for text in ["a=%", "a=%zz", "%f", "a=%ff"] {
            assert_eq!(Query::parse(text), Err(InvalidQuery::Encoding), "{text}");
        }
        assert_eq!(Query::parse(&"a&".repeat(PAIRS_MAX + 1)), Err(InvalidQuery::TooMany));
        assert!(Query::parse(&"a&".repeat(PAIRS_MAX)).is_ok());
    }
}
