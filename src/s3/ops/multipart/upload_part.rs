//! UploadPart.

use crate::{
    objects::{Objects, StoredPart},
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{checksum_output, parameter, upload_input},
    },
};
use http::{StatusCode, header};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let (part_number, name) = (upload_input::part_number(ctx)?, upload_input::upload_name(ctx)?);
    body.require_framing()?;
    let expected = body.expected_digests().clone();
    let part = objects.upload_part(&name, part_number, &expected, body.into_upload_body()).await?;
    Ok(render(&part))
}

fn render(part: &StoredPart) -> Response {
    let mut response = parameter::empty(StatusCode::OK);
    response.headers_mut().insert(header::ETAG, parameter::own_value(&part.etag.quoted()));
    checksum_output::part_header(&mut response, &part.checksum);
    response
}
