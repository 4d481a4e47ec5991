//! CreateMultipartUpload.

use crate::{
    objects::{CreateUploadInput, CreatedUpload, Expiry, Objects},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            acl_input, lifecycle_output, object_input, object_lock_input,
            parameter::{self, insert_own},
        },
        xml::XmlWriter,
    },
    types::ChecksumKind,
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let input = parse(ctx)?;
    let created = objects.create_upload(input).await?;
    let abort = objects.abort_of(ctx.bucket()?, ctx.key()?, created.initiated).await?;
    Ok(render(ctx, &created, abort.as_ref()))
}

fn parse(ctx: &RequestContext<'_>) -> Result<CreateUploadInput, S3Error> {
    object_input::check_storage_class(ctx)?;
    Ok(CreateUploadInput {
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        owner: ctx.principal.owner().to_owned(),
        headers: object_input::object_headers(ctx)?,
        tags: object_input::tags(ctx)?,
        checksum_algorithm: object_input::checksum_algorithm(ctx)?,
        checksum_kind: checksum_kind(ctx)?,
        lock: object_lock_input::lock(ctx)?,
        acl: acl_input::in_headers(ctx)?,
    })
}

fn checksum_kind(ctx: &RequestContext<'_>) -> Result<Option<ChecksumKind>, S3Error> {
    let Some(name) = ctx.header("x-amz-checksum-type")? else { return Ok(None) };
    ChecksumKind::from_name(name)
        .map(Some)
        .ok_or_else(|| S3Error::invalid_request("Value for x-amz-checksum-type header is invalid."))
}

fn render(ctx: &RequestContext<'_>, created: &CreatedUpload, abort: Option<&Expiry>) -> Response {
    let mut xml = XmlWriter::document("InitiateMultipartUploadResult");
    xml.text("Bucket", ctx.bucket.map_or("", |bucket| bucket.as_str()));
    xml.text("Key", ctx.key.map_or("", |key| key.as_str())).text("UploadId", &created.upload.to_string());
    let mut response = parameter::document(xml.finish());
    lifecycle_output::abort(&mut response, abort);
    if let Some((algorithm, kind)) = created.checksum {
        insert_own(&mut response, "x-amz-checksum-algorithm", algorithm.name());
        insert_own(&mut response, "x-amz-checksum-type", kind.name());
    }
    response
}
