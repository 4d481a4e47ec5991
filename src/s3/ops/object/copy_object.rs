//! CopyObject.

use crate::{
    objects::{CopiedObject, CopyInput, Directive, Expiry, Objects, OntoItself},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            acl_input, checksum_output, condition_input, copy_source_input, lifecycle_output, object_input,
            object_lock_input,
            parameter::{self, insert_own, insert_version},
        },
        xml::XmlWriter,
    },
    types::{ObjectHeaders, TagSet},
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let input = parse(ctx)?;
    let copied = objects.copy(input).await?;
    let expiry = objects.expiry_of_written(ctx.bucket()?, ctx.key()?, &copied.written).await?;
    Ok(render(&copied, expiry.as_ref()))
}

fn parse(ctx: &RequestContext<'_>) -> Result<CopyInput, S3Error> {
    object_input::check_storage_class(ctx)?;
    let headers = headers_directive(ctx)?;
    let website_redirect = object_input::website_redirect(ctx)?;
    let checksum = object_input::checksum_algorithm(ctx)?;
    let changes_something = matches!(headers, Directive::Replace(_))
        || website_redirect.is_some()
        || checksum.is_some()
        || ctx.header("x-amz-storage-class")?.is_some();
    Ok(CopyInput {
        source: copy_source_input::copy_source(ctx)?,
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        owner: ctx.principal.owner().to_owned(),
        headers,
        website_redirect,
        tags: tags_directive(ctx)?,
        checksum,
        onto_itself: if changes_something { OntoItself::ChangesSomething } else { OntoItself::ChangesNothing },
        precondition: condition_input::write_precondition(ctx)?,
        lock: object_lock_input::lock(ctx)?,
        acl: acl_input::in_headers(ctx)?,
    })
}

fn headers_directive(ctx: &RequestContext<'_>) -> Result<Directive<ObjectHeaders>, S3Error> {
    match ctx.header("x-amz-metadata-directive")? {
        None | Some("COPY") => Ok(Directive::Copy),
        Some("REPLACE") => Ok(Directive::Replace(object_input::object_headers(ctx)?)),
        Some(other) => Err(S3Error::invalid_argument("x-amz-metadata-directive", other, "Unknown metadata directive.")),
    }
}

fn tags_directive(ctx: &RequestContext<'_>) -> Result<Directive<TagSet>, S3Error> {
    match ctx.header("x-amz-tagging-directive")? {
        None | Some("COPY") => Ok(Directive::Copy),
        Some("REPLACE") => Ok(Directive::Replace(object_input::tags(ctx)?)),
        Some(other) => Err(S3Error::invalid_argument("x-amz-tagging-directive", other, "Unknown tagging directive.")),
    }
}

fn render(copied: &CopiedObject, expiry: Option<&Expiry>) -> Response {
    let written = &copied.written;
    let mut xml = XmlWriter::document("CopyObjectResult");
    xml.text("LastModified", &written.created.to_iso_8601()).text("ETag", &written.etag.quoted());
    if let Some(checksum) = &written.checksum {
        checksum_output::object_elements(&mut xml, checksum);
    }
    let mut response = parameter::document(xml.finish());
    if let Some(version) = copied.source_version {
        insert_own(&mut response, "x-amz-copy-source-version-id", &version.to_string());
    }
    insert_version(&mut response, written.shown());
    lifecycle_output::expiration(&mut response, expiry);
    response
}
