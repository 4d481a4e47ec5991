//! What the head of a request must be before anything in it is used: bounded, with one Host, and without repeated
//! headers of which one would be checked and another used.

use super::error::{S3Code, S3Error};
use http::{HeaderMap, HeaderName, header, request};

/// Names and values of all headers. Amazon S3: 8 KiB of request header, of which 2 KiB may be user metadata; twice that,
/// for what proxies add.
const HEADERS_MAX_BYTES: usize = 16 << 10;

/// Standard headers that a request carries at most once.
const SINGLE: [HeaderName; 20] = [
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::DATE,
    header::EXPECT,
    header::EXPIRES,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    header::RANGE,
    header::TRANSFER_ENCODING,
];

/// Headers of Amazon's that are lists, or that S3 joins.
const REPEATABLE: [&str; 2] = ["x-amz-object-attributes", "x-amz-optional-object-attributes"];

/// Checks the head; gives the Host.
pub fn check(parts: &request::Parts) -> Result<&str, S3Error> {
    let headers = &parts.headers;
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > HEADERS_MAX_BYTES {
        return Err(
            S3Error::new(S3Code::RequestHeaderSectionTooLarge).field("MaxSizeAllowed", HEADERS_MAX_BYTES.to_string())
        );
    }
    if headers.len() != headers.keys_len() {
        check_repetitions(headers)?;
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| S3Error::with_message(S3Code::BadRequest, "The request has no Host header."))?;
    // The absolute form of a request line names a host too; two that differ are two addresses.
    match parts.uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(host) => {
            Err(S3Error::with_message(S3Code::BadRequest, "The request line and the Host header name different hosts."))
        }
        _ => Ok(host),
    }
}

fn check_repetitions(headers: &HeaderMap) -> Result<(), S3Error> {
    for name in headers.keys() {
        let text = name.as_str();
        let is_amazons = text.starts_with("x-amz-") && !text.starts_with("x-amz-meta-") && !REPEATABLE.contains(&text);
        let is_single = is_amazons || text == "content-md5" || SINGLE.contains(name);
        if is_single && headers.get_all(name).iter().nth(1).is_some() {
            return Err(S3Error::invalid_request(format!("The header {text} stands more than once in the request.")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};

    fn refusal(uri: &str, headers: &[(&'static str, &str)]) -> Option<S3Code> {
        let mut request = Request::builder().uri(uri).body(()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
        }
        check(&request.into_parts().0).err().map(|error| error.code())
    }

    #[test]
    fn a_host_is_needed_and_only_one() {
        assert_eq!(refusal("/", &[("host", "a")]), None);
        assert_eq!(refusal("/", &[]), Some(S3Code::BadRequest));
        assert_eq!(refusal("/", &[("host", "")]), Some(S3Code::BadRequest));
        assert_eq!(refusal("/", &[("host", "a"), ("host", "b")]), Some(S3Code::InvalidRequest));
        assert_eq!(refusal("http://a/", &[("host", "a")]), None);
        assert_eq!(refusal("http://b/", &[("host", "a")]), Some(S3Code::BadRequest));
    }

    #[test]
    fn what_counts_once_may_stand_once() {
        for name in
            ["authorization", "x-amz-date", "x-amz-content-sha256", "content-md5", "range", "x-amz-acl", "expires"]
        {
            assert_eq!(
                refusal("/", &[("host", "a"), (name, "1"), (name, "1")]),
                Some(S3Code::InvalidRequest),
                "{name}"
            );
        }
        for name in ["x-amz-meta-a", "accept", "x-forwarded-for", "x-amz-object-attributes"] {
            assert_eq!(refusal("/", &[("host", "a"), (name, "1"), (name, "1")]), None, "{name}");
        }
    }

    #[test]
    fn headers_have_a_total_size() {
        let long = "x".repeat(HEADERS_MAX_BYTES);
        assert_eq!(refusal("/", &[("host", "a"), ("x", &long)]), Some(S3Code::RequestHeaderSectionTooLarge));
    }
}
