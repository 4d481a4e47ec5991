//! Standard headers on which hangs whether or what a request writes: conditions, and the range that a body is. An operation
//! that does not read one of them refuses it, in S3's words, because ignoring it would write what the client did not mean.
//! On reads they are left out without harm, as RFC 9110 allows: the whole is answered.
//! Source: Amazon S3 User Guide, "Conditional requests", and what S3 answered to `If-Match` before it knew it there.

use super::{error::S3Error, operation::Operation as Op, vocabulary};
use http::{HeaderMap, HeaderName, Method, header};

/// What becomes of a header on a request that writes.
enum Rule {
    /// These operations read it.
    ReadBy(&'static [Op]),
    RefusedBy(&'static [Op]),
}

/// CreateMultipartUpload reads no condition. Some clients (minio-go) send those of the upload's end with its beginning
/// too, so there they are left to the end.
const RULES: [(HeaderName, Rule); 5] = [
    (
        header::IF_MATCH,
        Rule::ReadBy(&[
            Op::CompleteMultipartUpload,
            Op::CopyObject,
            Op::CreateMultipartUpload,
            Op::DeleteObject,
            Op::PutObject,
            Op::RenameObject,
        ]),
    ),
    (
        header::IF_NONE_MATCH,
        Rule::ReadBy(&[
            Op::CompleteMultipartUpload,
            Op::CopyObject,
            Op::CreateMultipartUpload,
            Op::PutObject,
            Op::RenameObject,
        ]),
    ),
    (header::IF_MODIFIED_SINCE, Rule::ReadBy(&[Op::RenameObject])),
    (header::IF_UNMODIFIED_SINCE, Rule::ReadBy(&[Op::RenameObject])),
    // A piece would become the object. Of a part's body it says where in the object it goes, which is so.
    (header::CONTENT_RANGE, Rule::RefusedBy(&[Op::PutObject])),
];

pub fn check(operation: Op, method: &Method, headers: &HeaderMap) -> Result<(), S3Error> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    for (name, rule) in RULES.iter().filter(|(name, _)| headers.contains_key(name)) {
        let is_refused = match rule {
            Rule::ReadBy(operations) => !operations.contains(&operation),
            Rule::RefusedBy(operations) => operations.contains(&operation),
        };
        if is_refused {
            return Err(vocabulary::not_implemented(name.as_str()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::error::S3Code;
    use http::HeaderValue;

    fn refusal(operation: Op, method: &Method, name: &'static str) -> Option<S3Code> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("*"))]);
        check(operation, method, &headers).err().map(|error| error.code())
    }

    #[test]
    fn a_condition_that_a_write_does_not_read_is_refused() {
        for (operation, method, read) in [
            (Op::PutObject, Method::PUT, &["if-match", "if-none-match"][..]),
            (Op::CopyObject, Method::PUT, &["if-match", "if-none-match"]),
            (Op::CompleteMultipartUpload, Method::POST, &["if-match", "if-none-match"]),
            (Op::DeleteObject, Method::DELETE, &["if-match"]),
            (Op::DeleteObjects, Method::POST, &[]),
            (Op::RenameObject, Method::PUT, &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]),
            (Op::UploadPart, Method::PUT, &[]),
            (Op::UploadPartCopy, Method::PUT, &[]),
            (Op::AbortMultipartUpload, Method::DELETE, &[]),
            (Op::PutObjectTagging, Method::PUT, &[]),
            (Op::DeleteBucket, Method::DELETE, &[]),
        ] {
            for name in ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
                let expected = (!read.contains(&name)).then_some(S3Code::NotImplemented);
                assert_eq!(refusal(operation, &method, name), expected, "{operation:?} {name}");
            }
        }
    }

    #[test]
    fn a_piece_is_no_object_but_may_be_a_part() {
        assert_eq!(refusal(Op::PutObject, &Method::PUT, "content-range"), Some(S3Code::NotImplemented));
        assert_eq!(refusal(Op::UploadPart, &Method::PUT, "content-range"), None);
    }

    #[test]
    fn reads_and_the_beginning_of_an_upload_pass() {
        for name in ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
            assert_eq!(refusal(Op::GetObject, &Method::GET, name), None);
            assert_eq!(refusal(Op::ListObjectsV2, &Method::GET, name), None);
        }
        assert_eq!(refusal(Op::CreateMultipartUpload, &Method::POST, "if-none-match"), None);
    }
}
