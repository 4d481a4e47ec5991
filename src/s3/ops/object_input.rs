//! What PutObject, CopyObject and CreateMultipartUpload say about an object besides its bytes: system headers, user
//! metadata, tags, and the header of a feature that exists in one form only (storage classes).

use super::tagging;
use crate::{
    s3::{RequestContext, S3Code, S3Error, vocabulary},
    types::{ChecksumAlgorithm, ObjectHeaders, SystemHeaders, TagLimit, TagSet},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;

const METADATA_PREFIX: &str = "x-amz-meta-";

/// Names (without the prefix) and values of user metadata together. Amazon S3 User Guide, "User-defined object
/// metadata".
const METADATA_MAX_BYTES: usize = 2 << 10;

pub fn object_headers(ctx: &RequestContext<'_>) -> Result<ObjectHeaders, S3Error> {
    // A header without a value says nothing.
    let text = |name| ctx.header(name).map(|value| value.filter(|value| !value.is_empty()).map(str::to_owned));
    let system = SystemHeaders {
        content_type: text("content-type")?,
        cache_control: text("cache-control")?,
        content_disposition: text("content-disposition")?,
        content_encoding: ctx.header("content-encoding")?.and_then(without_aws_chunked),
        content_language: text("content-language")?,
        expires: text("expires")?,
        website_redirect_location: website_redirect(ctx)?,
    };
    Ok(ObjectHeaders { system, user: user_metadata(ctx.headers)? })
}

/// `aws-chunked` describes the transfer, not the object. A value without it is kept as it came.
fn without_aws_chunked(value: &str) -> Option<String> {
    let is_chunked = |coding: &&str| coding.eq_ignore_ascii_case("aws-chunked");
    let codings = || value.split(',').map(str::trim);
    if !codings().any(|coding| is_chunked(&coding)) {
        return Some(value.to_owned()).filter(|value| !value.is_empty());
    }
    let kept: Vec<_> = codings().filter(|coding| !coding.is_empty() && !is_chunked(coding)).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

pub fn website_redirect(ctx: &RequestContext<'_>) -> Result<Option<String>, S3Error> {
    const NAME: &str = "x-amz-website-redirect-location";
    let Some(location) = ctx.header(NAME)? else { return Ok(None) };
    let host = ["http://", "https://"].iter().find_map(|scheme| location.strip_prefix(scheme));
    let is_location = location.starts_with('/') || host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    if is_location && location.len() <= METADATA_MAX_BYTES {
        Ok(Some(location.to_owned()))
    } else {
        Err(S3Error::invalid_argument(
            NAME,
            location,
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
        ))
    }
}

/// In which algorithm a checksum is to be made.
pub fn checksum_algorithm(ctx: &RequestContext<'_>) -> Result<Option<ChecksumAlgorithm>, S3Error> {
    let Some(name) = ctx.header("x-amz-checksum-algorithm")? else { return Ok(None) };
    if let Some(algorithm) = ChecksumAlgorithm::from_name(name) {
        return Ok(Some(algorithm));
    }
    vocabulary::check_algorithm(name)?;
    Err(S3Error::invalid_request(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
        [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
    ))
}

/// Names in lower case without the prefix; a header that comes several times is joined by commas.
fn user_metadata(headers: &HeaderMap) -> Result<BTreeMap<String, String>, S3Error> {
    let mut user = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
        let text = metadata_text(value);
        let entry = user.entry(name.to_owned()).or_default();
        if !entry.is_empty() {
            entry.push(',');
        }
        entry.push_str(&text);
    }
    let length: usize = user.iter().map(|(name, value)| name.len() + value.len()).sum();
    if length <= METADATA_MAX_BYTES {
        return Ok(user);
    }
    Err(S3Error::new(S3Code::MetadataTooLarge)
        .field("Size", length.to_string())
        .field("MaxSizeAllowed", METADATA_MAX_BYTES.to_string()))
}

/// UTF-8 as it came; other bytes as Latin-1, which is what HTTP once meant. A value of one RFC 2047 word in UTF-8, the
/// form in which S3 gives out what is not ASCII, is decoded.
fn metadata_text(value: &HeaderValue) -> String {
    let text = match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    };
    decode_word(&text).unwrap_or(text)
}

fn decode_word(text: &str) -> Option<String> {
    let inner = text.strip_prefix("=?")?.strip_suffix("?=")?;
    let (charset, rest) = inner.split_once('?')?;
    let (encoding, data) = rest.split_once('?')?;
    if !charset.eq_ignore_ascii_case("utf-8") || !encoding.eq_ignore_ascii_case("b") {
        return None;
    }
    String::from_utf8(BASE64.decode(data).ok()?).ok().filter(|text| !text.chars().any(char::is_control))
}

/// `x-amz-tagging`: tags as a query string.
pub fn tags(ctx: &RequestContext<'_>) -> Result<TagSet, S3Error> {
    ctx.header("x-amz-tagging")?
        .map_or_else(|| Ok(TagSet::default()), |text| tagging::parse_header(text, TagLimit::Object))
}

/// There is one storage class.
pub fn check_storage_class(ctx: &RequestContext<'_>) -> Result<(), S3Error> {
    match ctx.header("x-amz-storage-class")? {
        None | Some("STANDARD") => Ok(()),
        Some(other) => Err(S3Error::new(S3Code::InvalidStorageClass).field("StorageClassRequested", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&'static str, &[u8])]) -> Result<BTreeMap<String, String>, S3Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        user_metadata(&headers).map_err(|error| error.code())
    }

    #[test]
    fn user_metadata_is_text() {
        let user = metadata(&[
            ("x-amz-meta-a", b"1"),
            ("x-amz-meta-a", b"2"),
            ("x-amz-meta-utf", "é".as_bytes()),
            ("x-amz-meta-latin", b"\xe9"),
            ("x-amz-meta-word", b"=?UTF-8?B?w6k=?="),
            ("x-amz-meta-no-word", b"=?UTF-8?B?!?="),
            ("content-type", b"x"),
        ])
        .unwrap();
        let expected = [("a", "1,2"), ("latin", "é"), ("no-word", "=?UTF-8?B?!?="), ("utf", "é"), ("word", "é")];
        assert_eq!(user, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn user_metadata_has_a_limit_of_2_kib() {
        assert!(metadata(&[("x-amz-meta-a", &[b'x'; 2047])]).is_ok());
        assert_eq!(metadata(&[("x-amz-meta-a", &[b'x'; 2048])]), Err(S3Code::MetadataTooLarge));
    }

    #[test]
    fn aws_chunked_is_not_stored() {
        assert_eq!(without_aws_chunked("aws-chunked"), None);
        assert_eq!(without_aws_chunked("gzip, aws-chunked"), Some("gzip".into()));
        assert_eq!(without_aws_chunked("AWS-Chunked,gzip, br"), Some("gzip, br".into()));
        assert_eq!(without_aws_chunked("deflate,gzip"), Some("deflate,gzip".into()));
        assert_eq!(without_aws_chunked(""), None);
    }
}
