//! A presigned URL of Version 4: the claim stands in the query. Source: Amazon S3 API Reference, "Authenticating Requests: Using
//! Query Parameters".

use super::{
    claim::{ALGORITHM, Claim, ClaimPlace, CredentialScope, Reason, parse_signature, parse_signed_headers},
    request_time::RequestTime,
};
use crate::s3::{
    error::{S3Code, S3Error},
    query::Query,
};
use std::time::Duration;

/// A presigned URL lives at most 7 days.
const EXPIRES_MAX_SECONDS: u64 = 7 * 24 * 60 * 60;

/// Parameters that make a request a presigned one. Each of them alone is enough, so that a half-removed signature is
/// refused and not taken for none.
const PARAMETERS: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];

pub fn is_presigned(query: &Query) -> bool {
    PARAMETERS.iter().any(|name| query.contains(name))
}

/// Whether a parameter of this name, in small letters, is about the signature itself.
pub fn is_v4_parameter(name: &str) -> bool {
    PARAMETERS.iter().chain(&["X-Amz-Content-Sha256"]).any(|known| known.eq_ignore_ascii_case(name))
}

pub fn parse(query: &Query) -> Result<Claim<'_>, S3Error> {
    let [algorithm, credential, date, expires, signed_headers, signature] = parameters(query)?;
    if algorithm != ALGORITHM {
        return Err(malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
    }
    let expires = parse_expires(expires)?;
    let scope = CredentialScope::parse(credential)
        .map_err(|r| malformed(&format!("Error parsing the X-Amz-Credential parameter; {r}")))?;
    let time = RequestTime::parse_basic(date)
        .ok_or_else(|| malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
    if scope.date != time.date() {
        return Err(malformed(&format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
            scope.date,
            time.date()
        )));
    }
    let signed_headers = parse_signed_headers(signed_headers).map_err(malformed_reason)?;
    let signature = parse_signature(signature).map_err(malformed_reason)?;
    Ok(Claim { scope, signed_headers, signature, time, place: ClaimPlace::Query { expires } })
}

/// All six, each exactly once.
fn parameters(query: &Query) -> Result<[&str; 6], S3Error> {
    let mut values = [""; 6];
    for (slot, name) in values.iter_mut().zip(PARAMETERS) {
        let mut found = query.iter().filter(|(known, _)| *known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => *slot = value,
            _ => {
                return Err(malformed(
                    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
                     X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, each once.",
                ));
            }
        }
    }
    Ok(values)
}

/// A lifetime below a second is one that is over: such a URL has always expired.
fn parse_expires(text: &str) -> Result<Duration, S3Error> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed("X-Amz-Expires should be a number"));
    }
    if text.starts_with('-') {
        return Ok(Duration::ZERO);
    }
    match digits.parse::<u64>() {
        Ok(seconds @ 0..=EXPIRES_MAX_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err(malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        )),
    }
}

fn malformed(reason: &str) -> S3Error {
    S3Error::with_message(S3Code::AuthorizationQueryParametersError, reason.to_owned())
}

fn malformed_reason(reason: Reason) -> S3Error {
    malformed(&reason)
}

/// The request was signed for another region than the one that the settings fix.
pub fn wrong_region(region: &str, expected: &str) -> S3Error {
    malformed(&format!(
        "Error parsing the X-Amz-Credential parameter; the region '{region}' is wrong; expecting '{expected}'"
    ))
    .field("Region", expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(change: (&str, &str)) -> String {
        let pairs = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", "AK/20091012/us-east-1/s3/aws4_request"),
            ("X-Amz-Date", "20091012T175030Z"),
            ("X-Amz-Expires", "60"),
            ("X-Amz-SignedHeaders", "host"),
            ("X-Amz-Signature", "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"),
        ];
        let pairs = pairs.map(|(name, value)| format!("{name}={}", if name == change.0 { change.1 } else { value }));
        pairs.join("&")
    }

    #[test]
    fn a_complete_query_is_a_claim() {
        let query = Query::parse(&url(("", ""))).unwrap();
        let claim = parse(&query).unwrap();
        assert_eq!(claim.place, ClaimPlace::Query { expires: Duration::from_secs(60) });
        assert_eq!(claim.scope.access_key, "AK");
    }

    #[test]
    fn every_malformed_parameter_is_refused() {
        for change in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA512"),
            ("X-Amz-Credential", "AK"),
            ("X-Amz-Credential", "AK/20091013/us-east-1/s3/aws4_request"),
            ("X-Amz-Date", "20091012"),
            ("X-Amz-Expires", ""),
            ("X-Amz-Expires", "-"),
            ("X-Amz-Expires", "604801"),
            ("X-Amz-Expires", "1e3"),
            ("X-Amz-Expires", "99999999999999999999"),
            ("X-Amz-SignedHeaders", "x-amz-date"),
            ("X-Amz-Signature", ""),
        ] {
            let query = Query::parse(&url(change)).unwrap();
            assert_eq!(parse(&query).unwrap_err().code(), S3Code::AuthorizationQueryParametersError, "{change:?}");
        }
        for expires in ["-1", "0", "1", "604800"] {
            assert!(parse(&Query::parse(&url(("X-Amz-Expires", expires))).unwrap()).is_ok());
        }
    }

    #[test]
    fn a_parameter_twice_or_one_alone_is_refused() {
        let twice = Query::parse(&format!("{}&X-Amz-Date=20091012T175030Z", url(("", "")))).unwrap();
        assert!(parse(&twice).is_err());
        for name in PARAMETERS {
            let alone = Query::parse(&format!("{name}=x")).unwrap();
            assert!(is_presigned(&alone) && parse(&alone).is_err(), "{name}");
        }
    }
}
