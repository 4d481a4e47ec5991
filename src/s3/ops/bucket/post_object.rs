//! POST object: a browser's form. What its fields say of the object stands in the headers of the context, as for a PutObject;
//! what they say of the answer is read here. The policy was enforced when the request was verified.
//! Source: Amazon S3 API Reference, "POST Object", "HTML form fields".

use crate::{
    objects::{Objects, PutInput, WritePrecondition, WrittenVersion},
    s3::{
        RequestBody, RequestContext, Response, ResponseBody, S3Error,
        ops::{
            acl_input, checksum_output, lifecycle_output, object_input, object_lock_input,
            parameter::{self, insert_version},
            tagging,
        },
        percent::{self, Slash},
        xml::XmlWriter,
    },
    types::{TagLimit, TagSet},
};
use http::{HeaderValue, StatusCode, Uri, header};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let input = parse(ctx, &body)?;
    let tags = input.tags.clone();
    let written = objects.put(input, body.into_upload_body()).await?;
    let expiry = objects.expiry_of(ctx.bucket()?, ctx.key()?, written.created, written.size, &tags).await?;
    let mut response = render(ctx, &written)?;
    lifecycle_output::expiration(&mut response, expiry.as_ref());
    Ok(response)
}

fn parse(ctx: &RequestContext<'_>, body: &RequestBody) -> Result<PutInput, S3Error> {
    let tags = tags(ctx)?;
    object_input::check_storage_class(ctx)?;
    Ok(PutInput {
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        owner: ctx.principal.owner().to_owned(),
        headers: object_input::object_headers(ctx)?,
        tags,
        expected: body.expected_digests().clone(),
        precondition: WritePrecondition::None,
        lock: object_lock_input::lock_with_body(ctx, body)?,
        acl: acl_input::in_headers(ctx)?,
        permit: ctx.permit,
    })
}

/// A document in the field `tagging`, or a query string in `x-amz-tagging`.
fn tags(ctx: &RequestContext<'_>) -> Result<TagSet, S3Error> {
    let in_header = object_input::tags(ctx)?;
    match ctx.form()?.get("tagging") {
        None => Ok(in_header),
        Some(_) if !in_header.is_empty() => {
            Err(S3Error::invalid_argument("tagging", "", "Tags stand in one form field only."))
        }
        Some(document) => tagging::parse_document(document.as_bytes(), TagLimit::Object),
    }
}

fn render(ctx: &RequestContext<'_>, written: &WrittenVersion) -> Result<Response, S3Error> {
    let form = ctx.form()?;
    let etag = written.etag.quoted();
    let (bucket, key) = (ctx.bucket()?.as_str(), ctx.key()?.as_str());
    let location = format!("{}/{}", ctx.location().trim_end_matches('/'), percent::encode(key, Slash::Kept));
    let redirect = form.get("success_action_redirect").or(form.get("redirect"));
    let mut response =
        match (redirect.and_then(|url| redirect_to(url, bucket, key, &etag)), form.get("success_action_status")) {
            (Some(url), _) => {
                let mut response = parameter::empty(StatusCode::SEE_OTHER);
                response.headers_mut().insert(header::LOCATION, url);
                response
            }
            (None, Some("200")) => parameter::empty(StatusCode::OK),
            (None, Some("201")) => created(&location, bucket, key, &etag),
            // Any other status is no choice of the form's.
            (None, _) => parameter::empty(StatusCode::NO_CONTENT),
        };
    response.headers_mut().entry(header::LOCATION).or_insert(parameter::own_value(&location));
    response.headers_mut().insert(header::ETAG, parameter::own_value(&etag));
    if let Some(checksum) = &written.checksum {
        checksum_output::object_headers(&mut response, checksum);
    }
    insert_version(&mut response, written.shown());
    Ok(response)
}

/// Where the browser goes next, told what was stored. A text that is no address of a page is passed over, as S3 does.
fn redirect_to(url: &str, bucket: &str, key: &str, etag: &str) -> Option<HeaderValue> {
    let parsed: Uri = url.parse().ok()?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none_or(str::is_empty) {
        return None;
    }
    let (page, fragment) = url.split_once('#').map_or((url, String::new()), |(page, name)| (page, format!("#{name}")));
    let separator = if page.contains('?') { '&' } else { '?' };
    let [bucket, key, etag] = [bucket, key, etag].map(|text| percent::encode(text, Slash::Encoded));
    HeaderValue::from_str(&format!("{page}{separator}bucket={bucket}&key={key}&etag={etag}{fragment}")).ok()
}

fn created(location: &str, bucket: &str, key: &str, etag: &str) -> Response {
    let mut xml = XmlWriter::plain_document("PostResponse");
    xml.text("Location", location).text("Bucket", bucket).text("Key", key).text("ETag", etag);
    let mut response = Response::new(ResponseBody::bytes(xml.finish()));
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_says_what_was_stored_and_goes_to_a_page() {
        let to = |url: &str| redirect_to(url, "b", "a b/&", "\"e\"").map(|value| value.to_str().unwrap().to_owned());
        let said = "bucket=b&key=a%20b%2F%26&etag=%22e%22";
        assert_eq!(to("http://a/p"), Some(format!("http://a/p?{said}")));
        assert_eq!(to("https://a/p?x=y#top"), Some(format!("https://a/p?x=y&{said}#top")));
        for none in
            ["", "/p", "a", "javascript:alert(1)", "ftp://a/", "http://", "http://a/\r\nx: y", "data:text/html,x"]
        {
            assert_eq!(to(none), None, "{none}");
        }
    }
}
