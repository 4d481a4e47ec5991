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
use serde::Deserialize;
use serde_json::Value;
use std::ops::RangeInclusive;
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
    conditions: Option<Vec<Value>>,
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
        Ok(Self {
            expires_unix_seconds: parse_expiration(&expiration)?,
            conditions: conditions.into_iter().flatten().collect(),
        })
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

/// `{"acl": "private"}`, which may name several fields, or `["eq", "$acl", "private"]`.
fn parse_condition(value: &Value) -> Result<Vec<Condition>, S3Error> {
    let wrong = || invalid("Invalid Condition.");
    match value {
        Value::Object(pairs) if !pairs.is_empty() => pairs
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().ok_or_else(wrong)?;
                let text = format!("[\"eq\", \"${name}\", \"{value}\"]");
                Ok(Condition { test: Test::Equals(name.to_ascii_lowercase(), value.to_owned()), text })
            })
            .collect(),
        Value::Array(items) => {
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
            Ok(vec![Condition { test, text: value.to_string() }])
        }
        _ => Err(wrong()),
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
