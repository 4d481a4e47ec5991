//! The canonical request: what is signed, by S3's own rules. The path is encoded once and never normalised, so `//`
//! and `..` in keys stay what they are. Source: Amazon S3 API Reference, "Signature Calculations for the Authorization
//! Header: Transferring Payload in a Single Chunk", task 1.

use crate::s3::{
    percent::{self, Slash},
    query::Query,
};
use http::{HeaderMap, Method};

/// The query parameter that carries the signature itself and so is not signed.
pub const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// The parts of a request that are signed. `path` and `query` are decoded.
#[derive(Clone, Copy, Debug)]
pub struct CanonicalParts<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: &'a Query,
    pub headers: &'a HeaderMap,
    pub signed_headers: &'a [&'a str],
    /// The value of `x-amz-content-sha256`, or `UNSIGNED-PAYLOAD` for a presigned URL without one.
    pub payload: &'a str,
}

/// Bytes, because header values may hold any.
pub fn canonical_request(parts: &CanonicalParts<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    percent::encode_into(&mut out, parts.path.as_bytes(), Slash::Kept);
    out.push(b'\n');
    push_query(&mut out, parts.query);
    out.push(b'\n');
    for name in parts.signed_headers {
        push_header(&mut out, name, parts.headers);
    }
    out.push(b'\n');
    for (i, name) in parts.signed_headers.iter().enumerate() {
        if i > 0 {
            out.push(b';');
        }
        out.extend_from_slice(name.as_bytes());
    }
    out.push(b'\n');
    out.extend_from_slice(parts.payload.as_bytes());
    out
}

/// Sorted by encoded name, then by encoded value; a parameter without a value keeps its `=`.
fn push_query(out: &mut Vec<u8>, query: &Query) {
    let signed = query.iter().filter(|(name, _)| *name != SIGNATURE_PARAMETER);
    let mut pairs: Vec<(String, String)> = signed
        .map(|(name, value)| (percent::encode(name, Slash::Encoded), percent::encode(value, Slash::Encoded)))
        .collect();
    pairs.sort_unstable();
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
}

/// `name:value\n`; several values are joined by commas. A name that the request does not carry has no value
/// (and the verifier refuses it).
fn push_header(out: &mut Vec<u8>, name: &str, headers: &HeaderMap) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for (i, value) in headers.get_all(name).iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_trimmed(out, value.as_bytes());
    }
    out.push(b'\n');
}

/// Without spaces at both ends, runs of spaces as one.
fn push_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    let mut previous = b' ';
    for &byte in value.trim_ascii() {
        if byte != b' ' || previous != b' ' {
            out.push(byte);
        }
        previous = byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// The GET Object example of the AWS page, with its published canonical request.
    #[test]
    fn the_published_example_comes_out() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("examplebucket.s3.amazonaws.com"));
        headers.insert("range", HeaderValue::from_static("bytes=0-9"));
        headers.insert("x-amz-date", HeaderValue::from_static("20130524T000000Z"));
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        headers.insert("x-amz-content-sha256", HeaderValue::from_static(hash));
        let canonical = canonical_request(&CanonicalParts {
            method: &Method::GET,
            path: "/test.txt",
            query: &Query::default(),
            headers: &headers,
            signed_headers: &["host", "range", "x-amz-content-sha256", "x-amz-date"],
            payload: hash,
        });
        assert_eq!(
            String::from_utf8(canonical).unwrap(),
            format!(
                "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n\
                 x-amz-content-sha256:{hash}\nx-amz-date:20130524T000000Z\n\n\
                 host;range;x-amz-content-sha256;x-amz-date\n{hash}"
            )
        );
    }

    #[test]
    fn queries_are_sorted_and_encoded_and_values_squeezed() {
        let query = Query::parse("prefix=a/b+c&X-Amz-Signature=x&acl&a=2&a=1").unwrap();
        let mut headers = HeaderMap::new();
        headers.append("x-amz-meta-a", HeaderValue::from_static("  one   two  "));
        headers.append("x-amz-meta-a", HeaderValue::from_bytes("drei ü".as_bytes()).unwrap());
        let canonical = canonical_request(&CanonicalParts {
            method: &Method::PUT,
            path: "/b//../ü+",
            query: &query,
            headers: &headers,
            signed_headers: &["x-amz-meta-a"],
            payload: "UNSIGNED-PAYLOAD",
        });
        assert_eq!(
            String::from_utf8(canonical).unwrap(),
            "PUT\n/b//../%C3%BC%2B\na=1&a=2&acl=&prefix=a%2Fb%20c\nx-amz-meta-a:one two,drei ü\n\n\
             x-amz-meta-a\nUNSIGNED-PAYLOAD"
        );
    }
}
