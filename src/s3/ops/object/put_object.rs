//! PutObject, which is an append where it says at what offset.

use crate::{
    objects::{AppendInput, Expiry, Objects, PutInput, WrittenVersion},
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            acl_input, checksum_output, condition_input, lifecycle_output, object_input, object_lock_input,
            parameter::{self, insert_own, insert_version},
        },
    },
};
use http::{StatusCode, header};

/// Where in the object the body is to stand: behind its last byte, and nowhere else.
const WRITE_OFFSET: &str = "x-amz-write-offset-bytes";

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let input = parse(ctx, &body)?;
    let (bucket, key, tags) = (ctx.bucket()?, ctx.key()?, input.tags.clone());
    let Some(offset) = write_offset(ctx)? else {
        let written = objects.put(input, body.into_upload_body()).await?;
        let expiry = objects.expiry_of(bucket, key, written.created, written.size, &tags).await?;
        return Ok(render(&written, expiry.as_ref()));
    };
    let written = objects.append(AppendInput { put: input, offset }, body.into_upload_body()).await?;
    let expiry = objects.expiry_of_written(bucket, key, &written).await?;
    let mut response = render(&written, expiry.as_ref());
    insert_own(&mut response, "x-amz-object-size", &written.size.to_string());
    Ok(response)
}

fn write_offset(ctx: &RequestContext<'_>) -> Result<Option<u64>, S3Error> {
    let Some(text) = ctx.header(WRITE_OFFSET)? else { return Ok(None) };
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let offset = text.parse().ok().filter(|_| is_number);
    offset.map(Some).ok_or_else(|| S3Error::invalid_argument(WRITE_OFFSET, text, "The offset is no number of bytes."))
}

fn parse(ctx: &RequestContext<'_>, body: &RequestBody) -> Result<PutInput, S3Error> {
    body.require_framing()?;
    object_input::check_storage_class(ctx)?;
    Ok(PutInput {
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        owner: ctx.principal.owner().to_owned(),
        headers: object_input::object_headers(ctx)?,
        tags: object_input::tags(ctx)?,
        expected: body.expected_digests().clone(),
        precondition: condition_input::write_precondition(ctx)?,
        lock: object_lock_input::lock_with_body(ctx, body)?,
        acl: acl_input::in_headers(ctx)?,
        permit: ctx.permit,
    })
}

fn render(written: &WrittenVersion, expiry: Option<&Expiry>) -> Response {
    let mut response = parameter::empty(StatusCode::OK);
    response.headers_mut().insert(header::ETAG, parameter::own_value(&written.etag.quoted()));
    if let Some(checksum) = &written.checksum {
        checksum_output::object_headers(&mut response, checksum);
    }
    insert_version(&mut response, written.shown());
    lifecycle_output::expiration(&mut response, expiry);
    response
}
