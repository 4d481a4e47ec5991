//! The headers of GetObject and HeadObject.

use super::{
    checksum_output, lifecycle_output, object_lock_input,
    parameter::{header_value, insert_own, insert_version, own_value},
};
use crate::{
    identity::Permit,
    objects::{Expiry, FoundObject, Objects, Selection},
    s3::{RequestContext, Response, ResponseBody, S3Error},
    types::VersionLock,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderName, StatusCode, header};

/// What S3 says of an object without a type of its own.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// Whether the client wants the checksum: `x-amz-checksum-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumMode {
    Enabled,
    Silent,
}

/// Query parameters that replace a stored header in the answer.
#[derive(Debug, Default)]
pub struct Overrides {
    pub content_type: Option<String>,
    pub content_language: Option<String>,
    pub expires: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
}

impl Overrides {
    /// Only who signed the request may ask for them: else anybody could have a page of his served from somebody's
    /// bucket.
    pub fn parse(ctx: &RequestContext<'_>) -> Result<Self, S3Error> {
        if !ctx.permit.is_full() && ctx.query.iter().any(|(name, _)| name.starts_with("response-")) {
            return Err(S3Error::invalid_request(
                "Request specific response headers cannot be used for anonymous GET requests.",
            ));
        }
        let text = |name| ctx.query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self {
            content_type: text("response-content-type"),
            content_language: text("response-content-language"),
            expires: text("response-expires"),
            cache_control: text("response-cache-control"),
            content_disposition: text("response-content-disposition"),
            content_encoding: text("response-content-encoding"),
        })
    }
}

pub fn checksum_mode(ctx: &RequestContext<'_>) -> Result<ChecksumMode, S3Error> {
    match ctx.header("x-amz-checksum-mode")? {
        None => Ok(ChecksumMode::Silent),
        Some(mode) if mode.eq_ignore_ascii_case("enabled") => Ok(ChecksumMode::Enabled),
        Some(other) => Err(S3Error::invalid_argument("x-amz-checksum-mode", other, "The only mode is ENABLED.")),
    }
}

/// When the object expires; of a version that is not the current one nobody is told.
pub async fn expiry(
    ctx: &RequestContext<'_>,
    objects: &Objects,
    found: &FoundObject,
) -> Result<Option<Expiry>, S3Error> {
    let object = &found.object;
    if !object.is_latest {
        return Ok(None);
    }
    Ok(objects.expiry_of(ctx.bucket()?, &object.key, object.created, object.size, &object.tags).await?)
}

/// The answer without its body. Tags and locks are shown to who may do everything: lists grant nobody to ask for them.
pub fn render(
    permit: Permit,
    found: &FoundObject,
    expiry: Option<&Expiry>,
    overrides: &Overrides,
    mode: ChecksumMode,
) -> Result<Response, S3Error> {
    let object = &found.object;
    let mut response = Response::new(ResponseBody::empty());
    let length = found.range.end - found.range.start;
    if found.is_partial() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        if length > 0 {
            let range = format!("bytes {}-{}/{}", found.range.start, found.range.end - 1, object.size);
            response.headers_mut().insert(header::CONTENT_RANGE, own_value(&range));
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::ACCEPT_RANGES, own_value("bytes"));
    headers.insert(header::ETAG, own_value(&object.etag.quoted()));
    headers.insert(header::LAST_MODIFIED, own_value(&object.created.to_http_date()));
    insert_version(&mut response, found.version);
    lifecycle_output::expiration(&mut response, expiry);
    if let (Selection::Part(_), Some(count)) = (found.selection, object.part_count) {
        insert_own(&mut response, "x-amz-mp-parts-count", &count.to_string());
    }
    if permit.is_full() {
        if !object.tags.is_empty() {
            insert_own(&mut response, "x-amz-tagging-count", &object.tags.len().to_string());
        }
        lock_headers(&mut response, &object.lock);
    }
    if mode == ChecksumMode::Enabled {
        checksum_headers(&mut response, found);
    }
    stored_headers(&mut response, found, overrides)?;
    Ok(response)
}

fn lock_headers(response: &mut Response, lock: &VersionLock) {
    if let Some(retention) = lock.retention {
        insert_own(response, object_lock_input::MODE, retention.mode.name());
        insert_own(response, object_lock_input::RETAIN_UNTIL, &retention.until.to_iso_8601());
    }
    if let Some(legal_hold) = lock.legal_hold {
        insert_own(response, object_lock_input::LEGAL_HOLD, legal_hold.name());
    }
}

/// A value is given only for bytes that it is made over: of a range there is none, and a client that checks it
/// would find the range wrong. Of a part it is the part's.
fn checksum_headers(response: &mut Response, found: &FoundObject) {
    let Some(whole) = &found.object.checksum else { return };
    match (found.selection, &found.part) {
        (Selection::Range(_), _) => {}
        (Selection::Part(_), Some(part)) => {
            if let Some(checksum) = &part.checksum {
                let kind = whole.kind;
                checksum_output::part_header(response, checksum);
                insert_own(response, "x-amz-checksum-type", kind.name());
            }
        }
        (Selection::Whole | Selection::Part(_), _) => checksum_output::object_headers(response, whole),
    }
}

fn stored_headers(response: &mut Response, found: &FoundObject, overrides: &Overrides) -> Result<(), S3Error> {
    let system = &found.object.headers.system;
    let content_type = overrides.content_type.as_deref().or(system.content_type.as_deref());
    let headers = [
        (header::CONTENT_TYPE, Some(content_type.unwrap_or(DEFAULT_CONTENT_TYPE))),
        (header::CONTENT_LANGUAGE, overrides.content_language.as_deref().or(system.content_language.as_deref())),
        (header::EXPIRES, overrides.expires.as_deref().or(system.expires.as_deref())),
        (header::CACHE_CONTROL, overrides.cache_control.as_deref().or(system.cache_control.as_deref())),
        (
            header::CONTENT_DISPOSITION,
            overrides.content_disposition.as_deref().or(system.content_disposition.as_deref()),
        ),
        (header::CONTENT_ENCODING, overrides.content_encoding.as_deref().or(system.content_encoding.as_deref())),
        (HeaderName::from_static("x-amz-website-redirect-location"), system.website_redirect_location.as_deref()),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            let value = header_value(name.as_str(), value)?;
            response.headers_mut().insert(name, value);
        }
    }
    for (name, value) in &found.object.headers.user {
        // What was stored came as a header of this name, so it can be one again.
        let Ok(name) = HeaderName::try_from(format!("x-amz-meta-{name}")) else { continue };
        response.headers_mut().insert(name, own_value(&mail_safe(value)));
    }
    Ok(())
}

/// ASCII as it is; other text as one RFC 2047 word, as S3 returns it.
fn mail_safe(value: &str) -> String {
    if value.is_ascii() { value.to_owned() } else { format!("=?UTF-8?B?{}?=", BASE64.encode(value)) }
}
