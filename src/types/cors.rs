//! Which requests from pages of other origins a bucket allows (CORS), as its owner set it. Only what is within S3's limits can
//! be made. Source: Amazon S3 User Guide, "Elements of a CORS configuration"; API Reference, "PutBucketCors".

use super::documents::is_unprintable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Amazon S3 User Guide: up to 100 rules.
pub const CORS_RULES_MAX: usize = 100;
/// Amazon S3 API Reference, "CORSRule".
const ID_MAX_CHARACTERS: usize = 255;

/// The rules, in the order in which they are tried; never none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CorsConfiguration(Vec<CorsRule>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub origins: Vec<CorsPattern>,
    pub methods: Vec<CorsMethod>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_headers: Vec<CorsPattern>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposed_headers: Vec<ExposedHeader>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u32>,
}

/// A text with at most one `*`, which stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CorsPattern(String);

/// The name of a header that a page may read. It goes into answers as it is, so it is a name and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExposedHeader(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CorsMethod {
    Get,
    Put,
    Post,
    Delete,
    Head,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCors {
    #[error("there is no rule, or one without an origin or a method")]
    Incomplete,
    #[error("there are more than {CORS_RULES_MAX} rules")]
    TooManyRules,
    #[error("the id of a rule is longer than {ID_MAX_CHARACTERS} characters")]
    IdLength,
    #[error("two rules have the same id")]
    DuplicateId,
    #[error("`{0}` has more than one wildcard")]
    Wildcards(String),
    /// One that no header may have, or that no document can give back.
    #[error("`{0}` holds a character that does not belong there")]
    Characters(String),
    #[error("the exposed header `{0}` has a wildcard")]
    ExposedWildcard(String),
    #[error("`{0}` is no method of CORS")]
    Method(String),
}

impl CorsConfiguration {
    pub fn new(rules: Vec<CorsRule>) -> Result<Self, InvalidCors> {
        if rules.len() > CORS_RULES_MAX {
            return Err(InvalidCors::TooManyRules);
        }
        if rules.is_empty() || rules.iter().any(|rule| rule.origins.is_empty() || rule.methods.is_empty()) {
            return Err(InvalidCors::Incomplete);
        }
        let mut ids = BTreeSet::new();
        for id in rules.iter().filter_map(|rule| rule.id.as_ref()) {
            if id.chars().count() > ID_MAX_CHARACTERS {
                return Err(InvalidCors::IdLength);
            }
            if is_unprintable(id) {
                return Err(InvalidCors::Characters(id.clone()));
            }
            if !ids.insert(id) {
                return Err(InvalidCors::DuplicateId);
            }
        }
        Ok(Self(rules))
    }

    pub fn rules(&self) -> &[CorsRule] {
        &self.0
    }

    /// About what it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        let text = |length: usize| length + size_of::<String>();
        let rule = |rule: &CorsRule| {
            let patterns = rule.origins.iter().chain(&rule.allowed_headers).map(|pattern| text(pattern.0.len()));
            let exposed = rule.exposed_headers.iter().map(|name| text(name.0.len()));
            size_of::<CorsRule>() + rule.id.as_ref().map_or(0, String::len) + patterns.chain(exposed).sum::<usize>()
        };
        self.0.iter().map(rule).sum()
    }
}

impl CorsPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names everything.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    pub fn matches(&self, text: &str) -> bool {
        match self.0.split_once('*') {
            None => self.0 == text,
            Some((begin, end)) => text.strip_prefix(begin).is_some_and(|rest| rest.ends_with(end)),
        }
    }

    pub fn matches_ignoring_case(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let Some(star) = pattern.iter().position(|b| *b == b'*') else { return pattern.eq_ignore_ascii_case(text) };
        let (begin, end) = (&pattern[..star], &pattern[star + 1..]);
        text.len() >= begin.len() + end.len()
            && text[..begin.len()].eq_ignore_ascii_case(begin)
            && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
    }
}

/// Visible ASCII and nothing else: neither an origin nor the name of a header has more, and no line can end in it.
impl TryFrom<String> for CorsPattern {
    type Error = InvalidCors;

    fn try_from(text: String) -> Result<Self, InvalidCors> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidCors::Characters(text));
        }
        if text.matches('*').count() > 1 { Err(InvalidCors::Wildcards(text)) } else { Ok(Self(text)) }
    }
}

impl From<CorsPattern> for String {
    fn from(pattern: CorsPattern) -> Self {
        pattern.0
    }
}

impl ExposedHeader {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 9110, section 5.6.2: a token; `*` would be one, and means every header to a browser.
impl TryFrom<String> for ExposedHeader {
    type Error = InvalidCors;

    fn try_from(text: String) -> Result<Self, InvalidCors> {
        if text.contains('*') {
            return Err(InvalidCors::ExposedWildcard(text));
        }
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b);
        if !text.is_empty() && text.bytes().all(is_token) { Ok(Self(text)) } else { Err(InvalidCors::Characters(text)) }
    }
}

impl From<ExposedHeader> for String {
    fn from(header: ExposedHeader) -> Self {
        header.0
    }
}

impl CorsMethod {
    /// As HTTP writes it; case counts.
    pub fn parse(text: &str) -> Result<Self, InvalidCors> {
        match text {
            "GET" => Ok(Self::Get),
            "PUT" => Ok(Self::Put),
            "POST" => Ok(Self::Post),
            "DELETE" => Ok(Self::Delete),
            "HEAD" => Ok(Self::Head),
            other => Err(InvalidCors::Method(other.to_owned())),
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> CorsPattern {
        text.to_owned().try_into().unwrap()
    }

    fn rule(id: Option<&str>) -> CorsRule {
        CorsRule {
            id: id.map(str::to_owned),
            origins: vec![pattern("http://*.example.com")],
            methods: vec![CorsMethod::Get],
            allowed_headers: vec![],
            exposed_headers: vec![],
            max_age_seconds: None,
        }
    }

    #[test]
    fn limits_are_those_of_s3() {
        let code = |rules| CorsConfiguration::new(rules).err();
        assert_eq!(code(vec![rule(None); CORS_RULES_MAX]), None);
        assert_eq!(code(vec![rule(None); CORS_RULES_MAX + 1]), Some(InvalidCors::TooManyRules));
        assert_eq!(code(vec![]), Some(InvalidCors::Incomplete));
        assert_eq!(code(vec![CorsRule { origins: vec![], ..rule(None) }]), Some(InvalidCors::Incomplete));
        assert_eq!(code(vec![CorsRule { methods: vec![], ..rule(None) }]), Some(InvalidCors::Incomplete));
        assert_eq!(code(vec![rule(Some("a")), rule(Some("b"))]), None);
        assert_eq!(code(vec![rule(Some("a")), rule(Some("a"))]), Some(InvalidCors::DuplicateId));
        assert_eq!(code(vec![rule(Some(&"ü".repeat(255)))]), None);
        assert_eq!(code(vec![rule(Some(&"i".repeat(256)))]), Some(InvalidCors::IdLength));
    }

    #[test]
    fn what_goes_into_headers_can_only_be_harmless() {
        for bad in ["", "a b", "a\r\nX: y", "ü", "a\u{7f}"] {
            let characters = InvalidCors::Characters(bad.to_owned());
            assert_eq!(CorsPattern::try_from(bad.to_owned()), Err(characters.clone()));
            assert_eq!(ExposedHeader::try_from(bad.to_owned()), Err(characters));
        }
        assert_eq!(CorsPattern::try_from("*.*".to_owned()), Err(InvalidCors::Wildcards("*.*".to_owned())));
        assert_eq!(ExposedHeader::try_from("x-*".to_owned()), Err(InvalidCors::ExposedWildcard("x-*".to_owned())));
        assert!(ExposedHeader::try_from("a,b".to_owned()).is_err());
        assert_eq!(ExposedHeader::try_from("ETag".to_owned()).unwrap().as_str(), "ETag");
        assert_eq!(CorsMethod::parse("get"), Err(InvalidCors::Method("get".to_owned())));
    }

    #[test]
    fn one_star_stands_for_any_text() {
        for (stars, text, matches) in [
            ("*", "", true),
            ("*", "null", true),
            ("*suffix", "foo.suffix", true),
            ("*suffix", "foo.suffix.get", false),
            ("start*end", "startend", true),
            ("start*end", "start12end", true),
            ("start*end", "0start12end", false),
            ("aba*aba", "aba", false),
            ("prefix*", "prefix", true),
            ("prefix*", "bla.prefix", false),
            ("http://a", "http://a", true),
            ("http://a", "http://A", false),
            ("http://a", "http://a.b", false),
        ] {
            assert_eq!(pattern(stars).matches(text), matches, "{stars} {text}");
            assert!(pattern(&stars.to_uppercase()).matches_ignoring_case(text) || !matches, "{stars} {text}");
        }
    }

    #[test]
    fn a_stored_configuration_comes_back_and_a_broken_one_does_not() {
        let all = CorsRule {
            methods: vec![CorsMethod::Get, CorsMethod::Put, CorsMethod::Post, CorsMethod::Delete, CorsMethod::Head],
            allowed_headers: vec![pattern("x-*")],
            exposed_headers: vec!["ETag".to_owned().try_into().unwrap()],
            max_age_seconds: Some(7),
            ..rule(Some("a"))
        };
        let configuration = CorsConfiguration::new(vec![all, rule(None)]).unwrap();
        let text = serde_json::to_string(&configuration).unwrap();
        assert_eq!(serde_json::from_str::<CorsConfiguration>(&text).unwrap(), configuration);
        assert!(serde_json::from_str::<CorsConfiguration>(&text.replace("ETag", "E\\nTag")).is_err());
    }

    proptest! {
        #[test]
        fn a_match_begins_and_ends_as_its_pattern(begin in "[a-c]{0,4}", inside in "[a-c]{0,4}", end in "[a-c]{0,4}", other in "[a-c]{0,8}") {
            let stars = pattern(&format!("{begin}*{end}"));
            let text = format!("{begin}{inside}{end}");
            prop_assert!(stars.matches(&text));
            let fits = other.starts_with(&begin) && other.ends_with(&end) && other.len() >= begin.len() + end.len();
            prop_assert_eq!(stars.matches(&other), fits);
            prop_assert_eq!(stars.matches_ignoring_case(&other.to_uppercase()), fits);
        }
    }
}
