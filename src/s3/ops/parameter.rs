//! Query parameters and headers with plain values: numbers, version ids, dates; and plain answers.

use crate::{
    objects::VersionSelector,
    s3::{RequestContext, Response, ResponseBody, S3Error},
    types::VersionName,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

/// Documents that a client sends (tags, DeleteObjects, lists of parts): 10 000 parts with all checksums are 3 MiB.
pub const DOCUMENT_MAX_BYTES: usize = 8 << 20;

/// A whole number in `0..=2^31-1`, as S3 takes it. An empty value counts as absent.
pub fn number(name: &'static str, text: Option<&str>) -> Result<Option<u32>, S3Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse::<u32>().ok().filter(|value| is_number && *value <= i32::MAX as u32);
    let refused = || S3Error::invalid_argument(name, text, "Argument must be an integer between 0 and 2147483647");
    value.map(Some).ok_or_else(refused)
}

pub fn query_number(ctx: &RequestContext<'_>, name: &'static str) -> Result<Option<u32>, S3Error> {
    number(name, ctx.query.get(name))
}

/// `versionId` of the query.
pub fn version(ctx: &RequestContext<'_>) -> Result<VersionSelector, S3Error> {
    ctx.query.get("versionId").map_or(Ok(VersionSelector::Latest), parse_version)
}

/// `null`, or an id of ours.
pub fn parse_version(text: &str) -> Result<VersionSelector, S3Error> {
    if text == "null" {
        return Ok(VersionSelector::Null);
    }
    let id = text.parse().map(VersionSelector::Id);
    id.map_err(|_| S3Error::invalid_argument("versionId", text, "Invalid version id specified"))
}

/// As `versionId` of lists and headers shows it.
pub fn version_text(version: &VersionSelector) -> String {
    match version {
        VersionSelector::Latest | VersionSelector::Null => "null".to_owned(),
        VersionSelector::Id(id) => id.to_string(),
    }
}

/// A value that goes back to the client in a header. What no header may hold (a line break above all) is refused.
pub fn header_value(name: &str, text: &str) -> Result<HeaderValue, S3Error> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| S3Error::invalid_argument(name, text, "The value holds characters that no header may have."))
}

/// Of text that we made ourselves: ids, dates, numbers and tags are printable ASCII.
pub fn own_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

pub fn insert_own(response: &mut Response, name: &'static str, text: &str) {
    response.headers_mut().insert(HeaderName::from_static(name), own_value(text));
}

/// `x-amz-version-id`, where clients are told of versions.
pub fn insert_version(response: &mut Response, version: Option<VersionName>) {
    if let Some(version) = version {
        insert_own(response, "x-amz-version-id", &version.to_string());
    }
}

pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = status;
    response
}

/// 200 with a document.
pub fn document(xml: Bytes) -> Response {
    let mut response = Response::new(ResponseBody::bytes(xml));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::S3Code;

    #[test]
    fn numbers_are_plain_digits_of_31_bits() {
        assert_eq!(number("n", Some("1000")).unwrap(), Some(1000));
        assert_eq!(number("n", Some("")).unwrap(), None);
        assert_eq!(number("n", None).unwrap(), None);
        for bad in ["-1", "+1", "blah", "1.5", "2147483648", " 1"] {
            assert_eq!(number("n", Some(bad)).unwrap_err().code(), S3Code::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn versions_are_null_or_ids() {
        assert_eq!(parse_version("null").unwrap(), VersionSelector::Null);
        let id = "0190a5c8e5b37c0e8c7f3d2a1b4c5d6e";
        assert_eq!(version_text(&parse_version(id).unwrap()), id);
        assert_eq!(parse_version("").unwrap_err().code(), S3Code::InvalidArgument);
        assert_eq!(parse_version("nope").unwrap_err().code(), S3Code::InvalidArgument);
    }
}
