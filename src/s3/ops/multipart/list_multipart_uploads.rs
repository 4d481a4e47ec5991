//! ListMultipartUploads.

use crate::{
    objects::{ListUploadsInput, Objects, Upload, UploadPage},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            list_input::{self, ListParameters},
            list_output, owner_output, parameter,
        },
        xml::{TextEncoding, XmlWriter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let parameters = list_input::list_parameters(ctx, "max-uploads")?;
    let page = objects.list_uploads(input(ctx, &parameters)?).await?;
    Ok(render(ctx, &parameters, &page))
}

fn input(ctx: &RequestContext<'_>, parameters: &ListParameters) -> Result<ListUploadsInput, S3Error> {
    let key_marker = list_input::text(ctx, "key-marker");
    // Without a key marker it does not count, as S3 has it.
    let upload_marker = ctx.query.get("upload-id-marker").filter(|id| !id.is_empty() && !key_marker.is_empty());
    let upload_marker = upload_marker
        .map(|id| id.parse().map_err(|_| S3Error::invalid_argument("upload-id-marker", id, "Invalid uploadId marker")));
    Ok(ListUploadsInput {
        bucket: ctx.bucket()?.clone(),
        prefix: parameters.prefix.clone(),
        delimiter: parameters.delimiter.clone(),
        upload_marker: upload_marker.transpose()?,
        key_marker,
        limit: parameters.page_limit,
    })
}

fn render(ctx: &RequestContext<'_>, parameters: &ListParameters, page: &UploadPage) -> Response {
    let encoding = parameters.encoding;
    let mut xml = XmlWriter::document("ListMultipartUploadsResult");
    xml.text("Bucket", ctx.bucket.map_or("", |bucket| bucket.as_str()));
    xml.key("KeyMarker", ctx.query.get("key-marker").unwrap_or_default(), encoding);
    xml.text("UploadIdMarker", ctx.query.get("upload-id-marker").unwrap_or_default());
    if let Some((key, upload)) = &page.next {
        xml.key("NextKeyMarker", key, encoding);
        xml.optional_text("NextUploadIdMarker", upload.map(|upload| upload.to_string()).as_deref());
    }
    xml.key("Prefix", &parameters.prefix, encoding);
    if !parameters.delimiter.is_empty() {
        xml.key("Delimiter", &parameters.delimiter, encoding);
    }
    list_output::write_encoding(&mut xml, encoding);
    xml.number("MaxUploads", parameters.page_limit.into()).flag("IsTruncated", page.next.is_some());
    list_output::write_entries(&mut xml, &page.entries, encoding, |xml, upload| write_upload(xml, upload, encoding));
    parameter::document(xml.finish())
}

fn write_upload(xml: &mut XmlWriter, upload: &Upload, encoding: TextEncoding) {
    xml.element("Upload", |xml| {
        xml.key("Key", upload.key.as_str(), encoding).text("UploadId", &upload.upload.to_string());
        owner_output::owner(xml, "Initiator", &upload.owner);
        owner_output::owner(xml, "Owner", &upload.owner);
        xml.text("StorageClass", "STANDARD").text("Initiated", &upload.initiated.to_iso_8601());
        if let Some((algorithm, kind)) = upload.checksum {
            xml.text("ChecksumAlgorithm", algorithm.name()).text("ChecksumType", kind.name());
        }
    });
}
