//! PutObject.

use crate::{
    objects::{Objects, PutInput, WrittenVersion},
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            checksum_output, condition_input, object_input, object_lock_input,
            parameter::{self, insert_version},
        },
    },
};
use http::{StatusCode, header};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let input = parse(ctx, &body)?;
    let written = objects.put(input, body.into_upload_body()).await?;
    Ok(render(&written))
}

fn parse(ctx: &RequestContext<'_>, body: &RequestBody) -> Result<PutInput, S3Error> {
    body.require_framing()?;
    object_input::check_acl(ctx)?;
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
    })
}

fn render(written: &WrittenVersion) -> Response {
    let mut response = parameter::empty(StatusCode::OK);
    response.headers_mut().insert(header::ETAG, parameter::own_value(&written.etag.quoted()));
    if let Some(checksum) = &written.checksum {
        checksum_output::object_headers(&mut response, checksum);
    }
    insert_version(&mut response, written.shown());
    response
}
