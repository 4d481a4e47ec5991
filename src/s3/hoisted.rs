//! Headers that a presigned URL carries in its query: SDKs move `x-amz-*` headers there when they presign, and S3 takes
//! them as if they had come as headers. Only of a query whose signature was verified, and never beside the same header.
//!
//! Checksums stay where they are and mean nothing there: see CLIENTS.md, item 11.

use super::{error::S3Error, query::Query, signature::is_presigned};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

const PREFIX: &str = "x-amz-";

/// The headers as the operation is to see them.
pub fn headers<'a>(headers: &'a HeaderMap, query: &Query) -> Result<Cow<'a, HeaderMap>, S3Error> {
    let is_hoisted = |name: &str| name.starts_with(PREFIX) && !name.contains("checksum");
    if !query.iter().any(|(name, _)| is_hoisted(name)) || !is_presigned(query) {
        return Ok(Cow::Borrowed(headers));
    }
    let mut all = headers.clone();
    for (name, value) in query.iter().filter(|(name, _)| is_hoisted(name)) {
        let invalid = || S3Error::invalid_argument(name, value, "The parameter can't be taken as a header.");
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?;
        if all.insert(header, value).is_some() {
            return Err(S3Error::invalid_argument(name, "", "The parameter stands twice, or as a header too."));
        }
    }
    Ok(Cow::Owned(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presigned_parameters_become_headers_but_checksums_do_not() {
        let query =
            Query::parse("X-Amz-Signature=s&x-amz-acl=private&x-amz-meta-a=%C3%BC&x-amz-checksum-crc32=AAAAAA%3D%3D");
        let none = HeaderMap::new();
        let seen = headers(&none, &query.unwrap()).unwrap();
        assert_eq!(seen["x-amz-acl"], "private");
        assert_eq!(seen["x-amz-meta-a"].as_bytes(), "ü".as_bytes());
        assert!(!seen.contains_key("x-amz-checksum-crc32"));
    }

    #[test]
    fn without_a_presigned_query_nothing_moves_and_doubles_are_refused() {
        let mut given = HeaderMap::new();
        given.insert("x-amz-acl", HeaderValue::from_static("private"));
        let unsigned = Query::parse("x-amz-acl=public-read").unwrap();
        assert_eq!(headers(&given, &unsigned).unwrap()["x-amz-acl"], "private");
        let presigned = Query::parse("X-Amz-Signature=s&x-amz-acl=public-read").unwrap();
        assert!(headers(&given, &presigned).is_err());
        let line_break = Query::parse("X-Amz-Signature=s&x-amz-meta-a=%0d%0aX").unwrap();
        assert!(headers(&HeaderMap::new(), &line_break).is_err());
    }
}
