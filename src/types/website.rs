//! A bucket as a static website, as its owner set it up. Only what is within S3's limits can be made, and nothing that goes into
//! a header of an answer can end it: a redirect's pieces have no control characters.
//! Source: Amazon S3 API Reference, "PutBucketWebsite"; User Guide, "Hosting a static website using Amazon S3".

use super::{documents::is_unprintable, object_key::ObjectKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Amazon S3 User Guide, "Configuring advanced conditional redirects": 50 rules.
pub const ROUTING_RULES_MAX: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebsiteConfiguration {
    /// Every request is sent to this host.
    RedirectAll {
        host: RedirectHost,
        protocol: Option<WebProtocol>,
    },
    Site(Site),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The last piece of the key that a request for `dir/` means.
    pub index_suffix: IndexSuffix,
    /// What is answered in the place of an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_key: Option<ObjectKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RoutingRule>,
}

/// Neither empty nor with a slash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IndexSuffix(String);

/// A host name, perhaps with a port: goes into the header `Location`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectHost(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebProtocol {
    Http,
    Https,
}

/// Where both stand, both must hold; where none does, it always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingCondition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_prefix: Option<String>,
    /// The error that would be answered otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<WebProtocol>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<RedirectHost>,
    /// 301 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ReplacedKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplacedKey {
    /// In the place of the condition's prefix.
    Prefix(String),
    Whole(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingRule {
    #[serde(default)]
    pub condition: RoutingCondition,
    pub redirect: Redirect,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebsite {
    #[error("there are more than {ROUTING_RULES_MAX} routing rules")]
    TooManyRules,
    #[error("the suffix of the index document is empty or has a slash")]
    IndexSuffix,
    #[error("`{0}` is no host name")]
    Host(String),
    #[error("`{0}` is no protocol of the web")]
    Protocol(String),
    #[error("{0} is no error that could be answered")]
    ErrorCode(u16),
    #[error("{0} is no redirect")]
    RedirectCode(u16),
    #[error("a redirect says nothing")]
    EmptyRedirect,
    #[error("a key has a control character or is too long")]
    Key,
}

impl WebsiteConfiguration {
    pub fn validate(&self) -> Result<(), InvalidWebsite> {
        let Self::Site(site) = self else { return Ok(()) };
        if site.rules.len() > ROUTING_RULES_MAX {
            return Err(InvalidWebsite::TooManyRules);
        }
        if site.error_key.as_ref().is_some_and(|key| is_unprintable(key.as_str())) {
            return Err(InvalidWebsite::Key);
        }
        site.rules.iter().try_for_each(RoutingRule::validate)
    }
}

impl RoutingRule {
    fn validate(&self) -> Result<(), InvalidWebsite> {
        let Redirect { protocol, host, code, key } = &self.redirect;
        if let Some(code) = self.condition.error_code.filter(|code| !(400..=599).contains(code)) {
            return Err(InvalidWebsite::ErrorCode(code));
        }
        // 300 and 304 redirect nobody (S3 refuses 300; a 304 with a Location means something else).
        if let Some(code) = code.filter(|code| !(301..=308).contains(code) || matches!(code, 304 | 306)) {
            return Err(InvalidWebsite::RedirectCode(code));
        }
        if protocol.is_none() && host.is_none() && code.is_none() && key.is_none() {
            return Err(InvalidWebsite::EmptyRedirect);
        }
        let keys = match key {
            Some(ReplacedKey::Prefix(key) | ReplacedKey::Whole(key)) => Some(key),
            None => None,
        };
        let is_wrong = |key: &String| key.len() > ObjectKey::LENGTH_MAX_BYTES || is_unprintable(key);
        if keys.into_iter().chain(&self.condition.key_prefix).any(is_wrong) { Err(InvalidWebsite::Key) } else { Ok(()) }
    }
}

impl WebProtocol {
    pub fn parse(text: &str) -> Result<Self, InvalidWebsite> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            other => Err(InvalidWebsite::Protocol(other.to_owned())),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

macro_rules! checked_text {
    ($name:ident, $check:expr, $error:expr) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidWebsite;

            fn try_from(text: String) -> Result<Self, InvalidWebsite> {
                let check: fn(&str) -> bool = $check;
                let error: fn(String) -> InvalidWebsite = $error;
                if check(&text) { Ok(Self(text)) } else { Err(error(text)) }
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Longest host name of the DNS with a port.
const HOST_LENGTH_MAX: usize = 253 + 6;

checked_text!(
    IndexSuffix,
    |text| !text.is_empty() && text.len() <= 512 && !text.contains('/') && !is_unprintable(text),
    |_| InvalidWebsite::IndexSuffix
);
checked_text!(
    RedirectHost,
    |text| {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        !text.is_empty() && text.len() <= HOST_LENGTH_MAX && text.bytes().all(is_allowed)
    },
    InvalidWebsite::Host
);
