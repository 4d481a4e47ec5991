//! What a request says about its own signature, before anything of it is believed.

use super::request_time::RequestTime;
use std::time::Duration;

pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "s3";
const TERMINATOR: &str = "aws4_request";

/// Headers that one request may sign: as many as it may have (`listener`).
const SIGNED_HEADERS_MAX: usize = 512;

/// `AKID/20250101/us-east-1/s3/aws4_request`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialScope<'a> {
    pub access_key: &'a str,
    pub date: &'a str,
    pub region: &'a str,
    /// `20250101/us-east-1/s3/aws4_request`: the part that is signed.
    pub text: &'a str,
}

/// Where the claim stood, and what only that place says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimPlace {
    AuthorizationHeader,
    Query { expires: Duration },
}

/// A claim, complete and well-formed.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub scope: CredentialScope<'a>,
    /// Lower case, ascending, without duplicates.
    pub signed_headers: Vec<&'a str>,
    pub signature: &'a str,
    pub time: RequestTime,
    pub place: ClaimPlace,
}

impl Claim<'_> {
    pub fn signs(&self, header: &str) -> bool {
        self.signed_headers.binary_search(&header).is_ok()
    }
}

/// What is wrong with a part of a claim, in S3's words; header and query wrap it in a code each.
pub type Reason = String;

impl<'a> CredentialScope<'a> {
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        let shape = || {
            format!("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/{SERVICE}/{TERMINATOR}\".")
        };
        let (access_key, scope) = text.split_once('/').ok_or_else(shape)?;
        let mut parts = scope.split('/');
        let (Some(date), Some(region), Some(service), Some(terminator), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(shape());
        };
        if access_key.is_empty() || region.is_empty() {
            return Err(shape());
        }
        if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!(
                "incorrect date format \"{date}\". This date in the credential must be in the format \"yyyyMMdd\"."
            ));
        }
        if service != SERVICE {
            return Err(format!("incorrect service \"{service}\". This endpoint belongs to \"{SERVICE}\"."));
        }
        if terminator != TERMINATOR {
            return Err(format!("incorrect terminal \"{terminator}\". This endpoint uses \"{TERMINATOR}\"."));
        }
        Ok(Self { access_key, date, region, text: scope })
    }
}

/// `host;x-amz-date`: lower case, ascending, no name twice, `host` among them.
pub fn parse_signed_headers(text: &str) -> Result<Vec<&str>, Reason> {
    let names: Vec<&str> = text.split(';').collect();
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && b != b':')
    };
    if names.len() > SIGNED_HEADERS_MAX || !names.iter().all(is_name) || !names.is_sorted_by(|a, b| a < b) {
        return Err("SignedHeaders must be lower-case names in ascending order, each once.".into());
    }
    if names.binary_search(&"host").is_err() {
        return Err("SignedHeaders must contain host.".into());
    }
    Ok(names)
}

/// Any text but none: what is not 64 lower-case hexadecimal digits is no right signature, and S3 says no more about it.
pub fn parse_signature(text: &str) -> Result<&str, Reason> {
    if text.is_empty() { Err("a non-empty Signature must be provided in the credential.".into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_exactly_five_parts_of_ours() {
        let scope = CredentialScope::parse("AK/20250101/eu-west-1/s3/aws4_request").unwrap();
        assert_eq!((scope.access_key, scope.date, scope.region), ("AK", "20250101", "eu-west-1"));
        assert_eq!(scope.text, "20250101/eu-west-1/s3/aws4_request");
        for bad in [
            "",
            "AK",
            "/20250101/r/s3/aws4_request",
            "AK/2025011/r/s3/aws4_request",
            "AK/2025010x/r/s3/aws4_request",
            "AK/20250101//s3/aws4_request",
            "AK/20250101/r/iam/aws4_request",
            "AK/20250101/r/s3/aws3_request",
            "AK/20250101/r/s3/aws4_request/more",
        ] {
            assert!(CredentialScope::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn signed_headers_are_ascending_lower_case_and_hold_the_host() {
        assert_eq!(parse_signed_headers("a;host;x-amz-date").unwrap(), ["a", "host", "x-amz-date"]);
        for bad in ["", "a", "host;a", "host;host", "Host", "host;;x", "host;x:y", "host; x"] {
            assert!(parse_signed_headers(bad).is_err(), "{bad}");
        }
    }
}
