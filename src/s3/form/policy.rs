//! What who signed a form allows: until when, and what each field may say. Pure. A field that no condition is about is
//! refused, so that a form can't say more than was signed.
//! Source: Amazon S3 API Reference, "POST policy". Where it is silent: ceph/s3-tests (names of fields and operators in any
//! case; a checksum of the file need not be covered).

use super::fields::FormFields;
use crate::{
    s3::error::{S3Code, S3Error},
    types::Timestamp,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use std::{fmt, ops::RangeInclusive};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Fields that no condition has to be about. Those of the signature are signed with it or are it.
const UNCOVERED: [&str; 5] = ["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"];
/// The file is what it is: such a field can only refuse it.
const CHECKSUM_PREFIX: &str = "x-amz-checksum-";

#[derive(Debug)]
pub struct Policy {
    expires_unix_seconds: i64,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    test: Test,
    /// As the document has it, for the refusal.
    text: String,
}

/// Names of fields in lower case.
#[derive(Debug, PartialEq, Eq)]
enum Test {
    Equals(String, String),
    StartsWith(String, String),
    Length(RangeInclusive<u64>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    expiration: Option<String>,
    conditions: Option<Vec<Stated>>,
}

/// A condition as the document has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stated {
    Pairs(Pairs),
    Other(Value),
}

/// An object with every name that it has. In a `Value` the last one of two that are the same would count, and what was signed
/// said the first one as well.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Policy {
    /// `text` is the field: base64 of JSON.
    pub fn parse(text: &str) -> Result<Self, S3Error> {
        // A line end inside the base64 is part of what was signed, and no part of the document.
        let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let json = BASE64.decode(compact).map_err(|_| invalid("Invalid Base64 encoding."))?;
        let document: Document = serde_json::from_slice(&json).map_err(|_| invalid("Invalid JSON."))?;
        let expiration = document.expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
        let conditions = document.conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
        let conditions = conditions.iter().map(parse_condition).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { expires_unix_seconds: parse_expiration(&expiration)?, conditions })
    }

    /// Whether all of it holds; which lengths the file may have.
    pub fn check(&self, fields: &FormFields, now: Timestamp) -> Result<RangeInclusive<u64>, S3Error> {
        if now.unix_seconds() >= self.expires_unix_seconds {
            return Err(denied("Policy expired."));
        }
        let mut allowed = 0..=u64::MAX;
        for condition in &self.conditions {
            if let Test::Length(range) = &condition.test {
                allowed = *allowed.start().max(range.start())..=*allowed.end().min(range.end());
            } else if !condition.test.holds(fields) {
                return Err(denied(&format!("Policy Condition failed: {}", condition.text)));
            }
        }
        let extra: Vec<&str> = fields.iter().map(|(name, _)| name).filter(|name| !self.covers(name)).collect();
        if extra.is_empty() { Ok(allowed) } else { Err(denied(&format!("Extra input fields: {}", extra.join(", ")))) }
    }

    fn covers(&self, field: &str) -> bool {
        UNCOVERED.contains(&field)
            || field.starts_with(CHECKSUM_PREFIX)
            || self.conditions.iter().any(|condition| condition.test.field() == Some(field))
    }
}

impl Test {
    fn field(&self) -> Option<&str> {
        match self {
            Self::Equals(field, _) | Self::StartsWith(field, _) => Some(field),
            Self::Length(_) => None,
        }
    }

    /// Of a field that is not there nothing holds.
    fn holds(&self, fields: &FormFields) -> bool {
        match self {
            Self::Equals(field, value) => fields.get(field) == Some(value),
            // "Content-Types values for a starts-with condition that include commas are interpreted as lists."
            Self::StartsWith(field, start) if field == "content-type" => {
                fields.get(field).is_some_and(|text| text.split(',').all(|one| one.trim().starts_with(start)))
            }
            Self::StartsWith(field, start) => fields.get(field).is_some_and(|text| text.starts_with(start)),
            Self::Length(_) => true,
        }
    }
}

/// `{"acl": "private"}`, which names one field, or `["eq", "$acl", "private"]`.
fn parse_condition(stated: &Stated) -> Result<Condition, S3Error> {
    let wrong = || invalid("Invalid Condition.");
    match stated {
        Stated::Pairs(Pairs(pairs)) => {
            let [(name, value)] = pairs.as_slice() else {
                return Err(invalid("A condition that is an object names exactly one field."));
            };
            let value = value.as_str().ok_or_else(wrong)?;
            let text = format!("[\"eq\", \"${name}\", \"{value}\"]");
            Ok(Condition { test: Test::Equals(name.to_ascii_lowercase(), value.to_owned()), text })
        }
        Stated::Other(value @ Value::Array(items)) => {
            let [operator, first, second] = items.as_slice() else { return Err(wrong()) };
            let operator = operator.as_str().ok_or_else(wrong)?.to_ascii_lowercase();
            let test = match operator.as_str() {
                "content-length-range" => {
                    let (least, most) = (whole(first).ok_or_else(wrong)?, whole(second).ok_or_else(wrong)?);
                    Test::Length(least..=most)
                }
                "eq" | "starts-with" => {
                    let field = first.as_str().and_then(|name| name.strip_prefix('$')).ok_or_else(wrong)?;
                    let (field, text) = (field.to_ascii_lowercase(), second.as_str().ok_or_else(wrong)?.to_owned());
                    if operator == "eq" { Test::Equals(field, text) } else { Test::StartsWith(field, text) }
                }
                _ => return Err(wrong()),
            };
            Ok(Condition { test, text: value.to_string() })
        }
        Stated::Other(_) => Err(wrong()),
    }
}

/// A number, or a text of digits.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// `2007-12-01T12:00:00.000Z`, with or without a fraction.
fn parse_expiration(text: &str) -> Result<i64, S3Error> {
    let is_of_form = text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| is_of_form);
    parsed.map(OffsetDateTime::unix_timestamp).ok_or_else(|| invalid("Invalid 'expiration' value."))
}

fn invalid(reason: &str) -> S3Error {
    S3Error::with_message(S3Code::InvalidPolicyDocument, format!("Invalid Policy: {reason}"))
}

fn denied(reason: &str) -> S3Error {
    S3Error::with_message(S3Code::AccessDenied, format!("Invalid according to Policy: {reason}"))
}
