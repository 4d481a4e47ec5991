//! `x-amz-copy-source` and `x-amz-rename-source`: where a copy comes from, or what is renamed. Parsed once, so that the object that
//! is authorised is the object that is read. Source: Amazon S3 API Reference, "CopyObject", "RenameObject".

use super::{
    error::{S3Code, S3Error},
    percent::{self, PlusSign},
};
use crate::types::{BucketName, ObjectKey};
use http::HeaderMap;

const OF_COPY: &str = "x-amz-copy-source";
const OF_RENAME: &str = "x-amz-rename-source";

/// Bucket, key and version as the client names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySource {
    pub bucket: BucketName,
    pub key: ObjectKey,
    /// The text behind `?versionId=`.
    pub version: Option<String>,
}

impl CopySource {
    /// `None` when the request is no copy.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, S3Error> {
        Self::read(OF_COPY, headers)
    }

    /// Of a rename, which names no version.
    pub fn of_rename(headers: &HeaderMap) -> Result<Self, S3Error> {
        match Self::read(OF_RENAME, headers)? {
            Some(source @ Self { version: None, .. }) => Ok(source),
            Some(Self { version: Some(version), .. }) => {
                Err(invalid(OF_RENAME, &version, "What is renamed is a key, not a version."))
            }
            None => Err(invalid(OF_RENAME, "", "A rename must say what is renamed: bucket/key")),
        }
    }

    fn read(header: &'static str, headers: &HeaderMap) -> Result<Option<Self>, S3Error> {
        let Some(value) = headers.get(header) else { return Ok(None) };
        let text =
            std::str::from_utf8(value.as_bytes()).map_err(|_| invalid(header, "", "The source is not UTF-8."))?;
        Self::parse(header, text).map(Some)
    }

    /// `/bucket/key?versionId=id`, the leading slash optional. The version is split off before anything is decoded, so
    /// an encoded `?` belongs to the key; then bucket and key are decoded once, as in a query: a `+` is a space.
    fn parse(header: &'static str, text: &str) -> Result<Self, S3Error> {
        let must = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        let malformed = || invalid(header, text, must);
        let (path, version) = match text.split_once('?') {
            Some((path, query)) => (path, Some(parse_version(query).ok_or_else(malformed)?)),
            None => (text, None),
        };
        let path = percent::decode(path, PlusSign::IsSpace).map_err(|_| malformed())?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path.split_once('/').ok_or_else(malformed)?;
        if bucket.starts_with("arn:") {
            return Err(S3Error::with_message(S3Code::NotImplemented, "Copy sources by ARN are not implemented."));
        }
        let bucket = bucket.parse().map_err(|_| S3Error::new(S3Code::InvalidBucketName).field("BucketName", bucket))?;
        let key = ObjectKey::new(key).map_err(|_| malformed())?;
        Ok(Self { bucket, key, version })
    }
}

/// `versionId=...` and nothing else.
fn parse_version(query: &str) -> Option<String> {
    let id = query.strip_prefix("versionId=")?;
    let id = percent::decode(id, PlusSign::IsSpace).ok()?;
    (!id.is_empty() && !id.contains('&')).then_some(id)
}

fn invalid(header: &'static str, text: &str, message: &'static str) -> S3Error {
    S3Error::invalid_argument(header, text, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources_are_decoded_once() {
        for (text, key, version) in [
            ("bucket/key", "key", None),
            ("/bucket/key", "key", None),
            ("/bucket//key", "/key", None),
            ("bucket/a%2Bb%20c%3Fd", "a+b c?d", None),
            ("bucket/a+b", "a b", None),
            ("bucket%2Fa%252F", "a%2F", None),
            ("bucket/../x", "../x", None),
            ("bucket/k?versionId=null", "k", Some("null")),
            ("bucket/ü", "ü", None),
        ] {
            let source = CopySource::parse(OF_COPY, text).unwrap();
            assert_eq!((source.bucket.as_str(), source.key.as_str()), ("bucket", key), "{text}");
            assert_eq!(source.version.as_deref(), version, "{text}");
        }
    }

    #[test]
    fn odd_sources_are_refused_with_a_code() {
        for text in
            ["", "/", "bucket", "bucket/", "?versionId=x", "bucket/k?versionId=", "bucket/k?acl", "%", "bucket/%ff"]
        {
            assert_eq!(CopySource::parse(OF_COPY, text).unwrap_err().code(), S3Code::InvalidArgument, "{text}");
        }
        for (text, code) in [
            ("../key", S3Code::InvalidBucketName),
            ("//", S3Code::InvalidBucketName),
            ("arn:aws:s3:us-east-1:1:accesspoint/x/object/k", S3Code::NotImplemented),
        ] {
            assert_eq!(CopySource::parse(OF_COPY, text).unwrap_err().code(), code, "{text}");
        }
        assert_eq!(CopySource::from_headers(&HeaderMap::new()).unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_source_makes_the_parser_panic(text in ".{0,80}") {
            let _ = CopySource::parse(OF_COPY, &text);
        }
    }

    #[test]
    fn a_rename_names_a_key_and_no_version() {
        let of = |value: &str| {
            let value = http::HeaderValue::from_str(value).unwrap();
            CopySource::of_rename(&HeaderMap::from_iter([(http::HeaderName::from_static(OF_RENAME), value)]))
        };
        let source = of("/bucket/a%20b").unwrap();
        assert_eq!((source.bucket.as_str(), source.key.as_str()), ("bucket", "a b"));
        for wrong in ["bucket/key?versionId=null", "bucket", "", "/", "bucket/"] {
            assert_eq!(of(wrong).unwrap_err().code(), S3Code::InvalidArgument, "{wrong}");
        }
        assert!(CopySource::of_rename(&HeaderMap::new()).is_err());
    }
}
