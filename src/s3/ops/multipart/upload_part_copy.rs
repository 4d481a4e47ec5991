//! UploadPartCopy.

use crate::{
    objects::{ByteRange, CopiedPart, Objects, PartCopyInput},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            checksum_output, copy_source_input,
            parameter::{self, insert_own},
            upload_input,
        },
        xml::XmlWriter,
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let input = parse(ctx)?;
    let copied = objects.copy_part(input).await?;
    Ok(render(&copied))
}

fn parse(ctx: &RequestContext<'_>) -> Result<PartCopyInput, S3Error> {
    Ok(PartCopyInput {
        part_number: upload_input::part_number(ctx)?,
        name: upload_input::upload_name(ctx)?,
        source: copy_source_input::copy_source(ctx)?,
        range: range(ctx)?,
    })
}

fn range(ctx: &RequestContext<'_>) -> Result<Option<ByteRange>, S3Error> {
    const NAME: &str = "x-amz-copy-source-range";
    let Some(text) = ctx.header(NAME)? else { return Ok(None) };
    ByteRange::parse_copy_source(text).map(Some).ok_or_else(|| {
        S3Error::invalid_argument(
            NAME,
            text,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy",
        )
    })
}

fn render(copied: &CopiedPart) -> Response {
    let mut xml = XmlWriter::document("CopyPartResult");
    xml.text("LastModified", &copied.modified.to_iso_8601()).text("ETag", &copied.part.etag.quoted());
    checksum_output::part_element(&mut xml, &copied.part.checksum);
    let mut response = parameter::document(xml.finish());
    if let Some(version) = copied.source_version {
        insert_own(&mut response, "x-amz-copy-source-version-id", &version.to_string());
    }
    response
}
