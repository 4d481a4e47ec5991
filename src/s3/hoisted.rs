//! Headers that a presigned URL carries in its query: SDKs move `x-amz-*` headers there when they presign, and S3 takes
//! them as if they had come as headers. Only of a query whose signature was verified, and never beside the same header.
//! They are headers in their case too: signers write `x-amz-acl` or `X-Amz-Acl`, the Go SDK both ways in one URL.
//!
//! In the query of a request that is signed in its header no SDK puts them. What would mean something is refused there.
//!
//! Checksums stay where they are and mean nothing there: see CLIENTS.md, item 11.

use super::{
    error::S3Error,
    query::{Query, header_name},
    signature, vocabulary,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{borrow::Cow, collections::BTreeSet};

/// The headers as the operation is to see them.
pub fn headers<'a>(headers: &'a HeaderMap, query: &Query) -> Result<Cow<'a, HeaderMap>, S3Error> {
    if !signature::is_presigned(query) {
        for (parameter, _) in query.iter() {
            header_name(parameter).map_or(Ok(()), |name| vocabulary::check_misplaced_header(&name))?;
        }
        return Ok(Cow::Borrowed(headers));
    }
    let twice = |name| S3Error::invalid_argument(name, "", "The parameter stands twice, or as a header too.");
    let mut all = Cow::Borrowed(headers);
    let mut seen = BTreeSet::new();
    for (parameter, value) in query.iter() {
        let Some(name) = header_name(parameter) else { continue };
        let is_hoisted = !name.contains("checksum") && !signature::is_v4_parameter(&name);
        if is_hoisted {
            let invalid = || S3Error::invalid_argument(parameter, value, "The parameter can't be taken as a header.");
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| invalid())?;
            if all.to_mut().insert(header, value).is_some() {
                return Err(twice(parameter));
            }
        }
        if !seen.insert(name) {
            return Err(twice(parameter));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::error::S3Code;

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

    /// Capitals were ignored.
    #[test]
    fn the_case_of_a_name_says_nothing() {
        let none = HeaderMap::new();
        let seen = |text: &str| headers(&none, &Query::parse(text).unwrap()).map(Cow::into_owned);
        let capitals = seen("X-Amz-Signature=s&X-Amz-Date=d&X-Amz-Acl=private&X-Amz-Meta-A=1").unwrap();
        assert_eq!(capitals.len(), 2, "{capitals:?}");
        assert_eq!(capitals["x-amz-acl"], "private");
        assert_eq!(capitals["x-amz-meta-a"], "1");
        for twice in
            ["X-Amz-Acl=a&x-amz-acl=a", "X-Amz-Date=d&x-amz-date=d", "x-amz-checksum-type=a&X-Amz-Checksum-Type=a"]
        {
            assert!(seen(&format!("X-Amz-Signature=s&{twice}")).is_err(), "{twice}");
        }
    }

    #[test]
    fn without_a_presigned_query_nothing_moves_and_what_would_mean_something_is_refused() {
        let mut given = HeaderMap::new();
        given.insert("x-amz-acl", HeaderValue::from_static("private"));
        let unknown = Query::parse("x-amz-unheard-of=1&x-amz-unheard-of=2&x-amz-user-agent=a").unwrap();
        assert_eq!(*headers(&given, &unknown).unwrap(), given);
        for (text, code) in [
            ("x-amz-acl=private", S3Code::InvalidArgument),
            ("X-Amz-Meta-A=1", S3Code::InvalidArgument),
            ("x-amz-Server-side-encryption=AES256", S3Code::NotImplemented),
        ] {
            let refused = headers(&HeaderMap::new(), &Query::parse(text).unwrap()).unwrap_err();
            assert_eq!(refused.code(), code, "{text}");
        }
    }

    #[test]
    fn what_stands_as_a_header_too_or_can_be_none_is_refused() {
        let given = HeaderMap::from_iter([(HeaderName::from_static("x-amz-acl"), HeaderValue::from_static("private"))]);
        let presigned = Query::parse("X-Amz-Signature=s&x-amz-acl=public-read").unwrap();
        assert!(headers(&given, &presigned).is_err());
        let line_break = Query::parse("X-Amz-Signature=s&x-amz-meta-a=%0d%0aX").unwrap();
        assert!(headers(&HeaderMap::new(), &line_break).is_err());
    }
}
