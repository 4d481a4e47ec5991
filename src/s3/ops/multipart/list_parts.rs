//! ListParts.

use crate::{
    objects::{Objects, PARTS_PAGE_MAX, PartPage, PartPageInput, Upload, UploadPart},
    s3::{
        RequestContext, Response, S3Error,
        ops::{checksum_output, lifecycle_output, owner_output, parameter, upload_input},
        xml::XmlWriter,
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let (name, page) = (upload_input::upload_name(ctx)?, page_input(ctx)?);
    let (upload, parts) = objects.list_parts(&name, page).await?;
    let abort = objects.abort_of(ctx.bucket()?, &upload.key, upload.initiated).await?;
    let mut response = render(ctx, &upload, &parts, page);
    lifecycle_output::abort(&mut response, abort.as_ref());
    Ok(response)
}

fn page_input(ctx: &RequestContext<'_>) -> Result<PartPageInput, S3Error> {
    Ok(PartPageInput {
        after_part: parameter::query_number(ctx, "part-number-marker")?.unwrap_or(0),
        limit: parameter::query_number(ctx, "max-parts")?.unwrap_or(PARTS_PAGE_MAX).min(PARTS_PAGE_MAX),
    })
}

fn render(ctx: &RequestContext<'_>, upload: &Upload, page: &PartPage<UploadPart>, input: PartPageInput) -> Response {
    let last = page.parts.last().map_or(input.after_part, |part| part.part_number);
    let mut xml = XmlWriter::document("ListPartsResult");
    xml.text("Bucket", ctx.bucket.map_or("", |bucket| bucket.as_str())).text("Key", upload.key.as_str());
    xml.text("UploadId", &upload.upload.to_string());
    owner_output::owner(&mut xml, "Initiator", &upload.owner);
    owner_output::owner(&mut xml, "Owner", &upload.owner);
    xml.text("StorageClass", "STANDARD");
    if let Some((algorithm, kind)) = upload.checksum {
        xml.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.name());
    }
    xml.number("PartNumberMarker", input.after_part.into()).number("NextPartNumberMarker", last.into());
    xml.number("MaxParts", input.limit.into()).flag("IsTruncated", page.is_truncated);
    for part in &page.parts {
        xml.element("Part", |xml| {
            xml.number("PartNumber", part.part_number.into()).text("LastModified", &part.modified.to_iso_8601());
            xml.text("ETag", &part.etag.quoted()).number("Size", part.size);
            if let Some(checksum) = &part.checksum {
                checksum_output::part_element(xml, checksum);
            }
        });
    }
    parameter::document(xml.finish())
}
