//! The Authorization header: `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.

use super::{
    claim::{ALGORITHM, Claim, ClaimPlace, CredentialScope, Reason, parse_signature, parse_signed_headers},
    request_time::RequestTime,
};
use crate::s3::error::{S3Code, S3Error};
use http::{HeaderMap, HeaderValue, header};

/// Reads the claim of the header `value`; the time stands in a header of its own.
pub fn parse<'a>(value: &'a HeaderValue, headers: &HeaderMap) -> Result<Claim<'a>, S3Error> {
    let text = value.to_str().map_err(|_| malformed("the header is not ASCII."))?;
    let fields =
        text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(|| unsupported(text))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for field in fields.split(',') {
        let (name, value) = field.trim().split_once('=').ok_or_else(|| malformed("a field has no value."))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(malformed("a field is unknown.")),
        };
        if slot.replace(value).is_some() {
            return Err(malformed("a field stands twice."));
        }
    }
    let missing = |name: &str| malformed(&format!("{name} is missing."));
    let scope = CredentialScope::parse(credential.ok_or_else(|| missing("Credential"))?).map_err(malformed_reason)?;
    let signed_headers = parse_signed_headers(signed_headers.ok_or_else(|| missing("SignedHeaders"))?);
    let signature = parse_signature(signature.ok_or_else(|| missing("Signature"))?).map_err(malformed_reason)?;
    let time = request_time(headers)?;
    if scope.date != time.date() {
        return Err(malformed(&format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
            scope.date,
            time.date()
        )));
    }
    let signed_headers = signed_headers.map_err(malformed_reason)?;
    Ok(Claim { scope, signed_headers, signature, time, place: ClaimPlace::AuthorizationHeader })
}

fn request_time(headers: &HeaderMap) -> Result<RequestTime, S3Error> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let time = match headers.get("x-amz-date") {
        Some(value) => text(value).and_then(|text| RequestTime::parse_basic(&text)),
        None => headers.get(header::DATE).and_then(text).and_then(|text| RequestTime::parse_date_header(&text)),
    };
    time.ok_or_else(no_date)
}

pub fn no_date() -> S3Error {
    S3Error::with_message(S3Code::AccessDenied, "AWS authentication requires a valid Date or x-amz-date header")
}

/// Another scheme, or none that we know.
fn unsupported(text: &str) -> S3Error {
    match text {
        ALGORITHM => malformed("Credential is missing."),
        _ if text.starts_with("AWS") => unsupported_mechanism(),
        _ => S3Error::invalid_argument("Authorization", text, "Unsupported Authorization Type"),
    }
}

/// Signature Version 2 where it is not turned on; asymmetric signatures.
pub fn unsupported_mechanism() -> S3Error {
    S3Error::invalid_request(
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
}

fn malformed(reason: &str) -> S3Error {
    S3Error::with_message(
        S3Code::AuthorizationHeaderMalformed,
        format!("The authorization header is malformed; {reason}"),
    )
}

fn malformed_reason(reason: Reason) -> S3Error {
    malformed(&reason)
}

/// The request was signed for another region than the one that the settings fix.
pub fn wrong_region(region: &str, expected: &str) -> S3Error {
    malformed(&format!("the region '{region}' is wrong; expecting '{expected}'")).field("Region", expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCOPE: &str = "Credential=AK/20091012/us-east-1/s3/aws4_request";

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", HeaderValue::from_static("20091012T175030Z"));
        headers
    }

    fn refusal(text: &str, headers: &HeaderMap) -> S3Code {
        parse(&HeaderValue::from_str(text).unwrap(), headers).unwrap_err().code()
    }

    #[test]
    fn spaces_between_the_fields_are_optional() {
        let signature = "0a".repeat(32);
        for separator in [",", ", ", " , "] {
            let text = format!("{ALGORITHM} {SCOPE}{separator}SignedHeaders=host{separator}Signature={signature}");
            let value = HeaderValue::from_str(&text).unwrap();
            let claim = parse(&value, &headers()).unwrap();
            assert_eq!((claim.scope.access_key, claim.signature), ("AK", signature.as_str()));
            assert!(claim.signs("host") && !claim.signs("x-amz-date"));
        }
    }

    #[test]
    fn each_malformed_header_has_its_code() {
        let signature = format!("Signature={}", "0a".repeat(32));
        let good = format!("{ALGORITHM} {SCOPE},SignedHeaders=host,{signature}");
        let malformed = S3Code::AuthorizationHeaderMalformed;
        for (text, code) in [
            (format!("{ALGORITHM} "), malformed),
            (ALGORITHM.into(), malformed),
            (format!("{ALGORITHM} {SCOPE},SignedHeaders=host"), malformed),
            (format!("{good},{signature}"), malformed),
            (format!("{good},Extra=1"), malformed),
            (good.replace("SignedHeaders=host", "SignedHeaders=x-amz-date"), malformed),
            (format!("{ALGORITHM} {SCOPE},SignedHeaders=host,Signature="), malformed),
            (good.replace("20091012", "20091013"), malformed),
            (good.replace("/s3/", "/ec2/"), malformed),
            ("AWS".into(), S3Code::InvalidRequest),
            ("AWS4-ECDSA-P256-SHA256 x".into(), S3Code::InvalidRequest),
            ("Basic dXNlcg==".into(), S3Code::InvalidArgument),
        ] {
            assert_eq!(refusal(&text, &headers()), code, "{text}");
        }
        assert_eq!(refusal(&good, &HeaderMap::new()), S3Code::AccessDenied);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(text in "(AWS4-HMAC-SHA256 |Credential=|SignedHeaders=|Signature=|host|/|,|;|=|[a-f0-9]{8}| ){0,30}") {
            if let Ok(value) = HeaderValue::from_str(&text) {
                let _ = parse(&value, &headers());
            }
        }
    }
}
