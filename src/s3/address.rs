//! What a request is addressed to: bucket and key out of host and path, decoded once. The signature check and the
//! storage see the same decoded text, so there is no second reading of `%2F` or `..` to disagree with the first.
//! Source: Amazon S3 User Guide, "Virtual hosting of general purpose buckets".

use super::{
    error::{S3Code, S3Error},
    percent::{self, PlusSign},
};
use crate::types::{BucketName, InvalidObjectKey, ObjectKey};

/// Domains under which buckets are host names.
#[derive(Clone, Debug, Default)]
pub struct Domains(Vec<String>);

impl Domains {
    pub fn new(domains: &[String]) -> Self {
        Self(domains.iter().map(|domain| domain.to_ascii_lowercase()).collect())
    }

    /// The bucket in front of one of the domains. The longest domain wins, so that `s3.example` doesn't hide
    /// `eu.s3.example`.
    pub(super) fn bucket_of(&self, host: &str) -> Option<String> {
        let name = host_name(host);
        if self.0.contains(&name) {
            return None;
        }
        let labels = |domain: &&String| name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
        let domain = self.0.iter().filter(labels).max_by_key(|domain| domain.len())?;
        Some(name[..name.len() - domain.len() - 1].to_owned())
    }
}

/// In small letters, without a port or the dot at its end.
pub(super) fn host_name(host: &str) -> String {
    without_port(host).trim_end_matches('.').to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Which part of the request names the bucket, if any does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BucketPlace {
    Path,
    Host,
}

/// Bucket and key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The whole path, decoded: what is signed.
    pub path: String,
    pub bucket: Option<BucketName>,
    bucket_place: BucketPlace,
    pub key: Option<ObjectKey>,
}

impl Address {
    /// `raw_path` as it stood on the request line, `host` as in the Host header.
    pub fn parse(host: &str, raw_path: &str, domains: &Domains) -> Result<Self, S3Error> {
        if !raw_path.starts_with('/') {
            return Err(S3Code::InvalidURI.into());
        }
        let path = percent::decode(raw_path, PlusSign::IsPlus).map_err(|_| S3Error::new(S3Code::InvalidURI))?;
        let rest = &path[1..];
        if let Some(bucket) = domains.bucket_of(host) {
            let (bucket, key) = (Some(parse_bucket(&bucket)?), parse_key(rest)?);
            return Ok(Self { path, bucket, bucket_place: BucketPlace::Host, key });
        }
        let (bucket, key) = match rest.split_once('/') {
            None if rest.is_empty() => (None, None),
            None => (Some(parse_bucket(rest)?), None),
            Some((bucket, key)) => (Some(parse_bucket(bucket)?), parse_key(key)?),
        };
        Ok(Self { path, bucket, bucket_place: BucketPlace::Path, key })
    }

    /// The bucket, when the Host names it.
    pub fn host_bucket(&self) -> Option<&str> {
        self.bucket.as_ref().filter(|_| self.bucket_place == BucketPlace::Host).map(BucketName::as_str)
    }
}

fn parse_bucket(text: &str) -> Result<BucketName, S3Error> {
    text.parse().map_err(|_| S3Error::new(S3Code::InvalidBucketName).field("BucketName", text))
}

fn parse_key(text: &str) -> Result<Option<ObjectKey>, S3Error> {
    match ObjectKey::new(text) {
        Ok(key) => Ok(Some(key)),
        Err(InvalidObjectKey::Empty) => Ok(None),
        Err(InvalidObjectKey::TooLong) => Err(S3Error::new(S3Code::KeyTooLongError)
            .field("Size", text.len().to_string())
            .field("MaxSizeAllowed", ObjectKey::LENGTH_MAX_BYTES.to_string())),
        Err(InvalidObjectKey::NotUtf8) => Err(S3Code::InvalidURI.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::percent::Slash;
    use proptest::prelude::*;

    fn address(host: &str, path: &str) -> Result<(Option<String>, Option<String>), S3Code> {
        let domains = Domains::new(&["s3.example".into(), "eu.s3.example".into()]);
        let address = Address::parse(host, path, &domains).map_err(|error| error.code())?;
        Ok((address.bucket.map(String::from), address.key.map(String::from)))
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_front_of_a_domain() {
        for (host, path, bucket, key) in [
            ("localhost:9000", "/", None, None),
            ("localhost:9000", "/bucket", Some("bucket"), None),
            ("localhost:9000", "/bucket/", Some("bucket"), None),
            ("localhost:9000", "/bucket/key", Some("bucket"), Some("key")),
            ("s3.example", "/bucket/key", Some("bucket"), Some("key")),
            ("bucket.s3.example:9000", "/", Some("bucket"), None),
            ("Bucket.S3.Example.", "/bucket/key", Some("bucket"), Some("bucket/key")),
            ("a.b.eu.s3.example", "/k", Some("a.b"), Some("k")),
            ("[::1]:9000", "/bucket/key", Some("bucket"), Some("key")),
            ("xs3.example", "/bucket", Some("bucket"), None),
        ] {
            let expected = (bucket.map(str::to_owned), key.map(str::to_owned));
            assert_eq!(address(host, path), Ok(expected), "{host} {path}");
        }
    }

    #[test]
    fn every_byte_of_a_key_is_ordinary() {
        for (raw, key) in [
            ("..", ".."),
            ("../../etc/passwd", "../../etc/passwd"),
            ("/", "/"),
            ("//a//", "//a//"),
            ("a%2Fb", "a/b"),
            ("a%252Fb", "a%2Fb"),
            ("a+b", "a+b"),
            ("a%2Bb%20c", "a+b c"),
            ("%C3%BC", "ü"),
            ("%00%0d%0a", "\0\r\n"),
            (".", "."),
        ] {
            assert_eq!(address("h", &format!("/bucket/{raw}")), Ok((Some("bucket".into()), Some(key.into()))), "{raw}");
        }
        assert_eq!(address("h", "/bucket%2Fkey"), Ok((Some("bucket".into()), Some("key".into()))));
    }

    #[test]
    fn what_is_no_address_has_its_code() {
        for (path, code) in [
            ("", S3Code::InvalidURI),
            ("*", S3Code::InvalidURI),
            ("/bucket/%", S3Code::InvalidURI),
            ("/bucket/%zz", S3Code::InvalidURI),
            ("/bucket/%ff", S3Code::InvalidURI),
            ("/../bucket", S3Code::InvalidBucketName),
            ("//bucket", S3Code::InvalidBucketName),
            ("/Bucket/key", S3Code::InvalidBucketName),
            (&format!("/bucket/{}", "k".repeat(1025)), S3Code::KeyTooLongError),
        ] {
            assert_eq!(address("h", path), Err(code), "{path}");
        }
        assert_eq!(address("-.s3.example", "/"), Err(S3Code::InvalidBucketName));
    }

    proptest! {
        #[test]
        fn any_key_comes_back_from_its_encoded_path(key in ".{1,200}") {
            let path = format!("/bucket/{}", percent::encode(&key, Slash::Kept));
            prop_assert_eq!(address("h", &path), Ok((Some("bucket".into()), Some(key))));
        }

        #[test]
        fn no_path_makes_the_parser_panic(host in ".{0,30}", path in ".{0,60}") {
            let _ = address(&host, &path);
        }
    }
}
