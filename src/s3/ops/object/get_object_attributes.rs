//! GetObjectAttributes.

use crate::{
    objects::{GetInput, ObjectAttributes, Objects, PARTS_PAGE_MAX, PartPage, PartPageInput, Selection, VersionPart},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            checksum_output, condition_input,
            parameter::{self, insert_version, own_value},
        },
        xml::XmlWriter,
    },
};
use http::header;

/// What the client wants to know: `x-amz-object-attributes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    etag: bool,
    checksum: bool,
    parts: bool,
    storage_class: bool,
    size: bool,
}

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let (input, wanted, page) = parse(ctx)?;
    let attributes = objects.attributes(&input, Some(page).filter(|_| wanted.parts)).await?;
    Ok(render(&attributes, wanted, page))
}

fn parse(ctx: &RequestContext<'_>) -> Result<(GetInput, Wanted, PartPageInput), S3Error> {
    let input = GetInput {
        bucket: ctx.bucket()?.clone(),
        key: ctx.key()?.clone(),
        version: parameter::version(ctx)?,
        permit: ctx.permit,
        conditions: condition_input::read_conditions(ctx)?,
        selection: Selection::Whole,
    };
    let limit = parameter::number("x-amz-max-parts", ctx.header("x-amz-max-parts")?)?;
    let after_part = parameter::number("x-amz-part-number-marker", ctx.header("x-amz-part-number-marker")?)?;
    let page = PartPageInput {
        after_part: after_part.unwrap_or(0),
        limit: limit.unwrap_or(PARTS_PAGE_MAX).min(PARTS_PAGE_MAX),
    };
    let values = ctx.headers.get_all("x-amz-object-attributes").iter();
    let names: Result<Vec<&str>, _> = values.map(|value| value.to_str()).collect();
    Ok((input, wanted(&names.map_err(|_| refused(""))?)?, page))
}

fn refused(name: &str) -> S3Error {
    S3Error::invalid_argument("x-amz-object-attributes", name, "Invalid attribute name specified.")
}

fn wanted(headers: &[&str]) -> Result<Wanted, S3Error> {
    let mut wanted = Wanted::default();
    for name in headers.iter().flat_map(|header| header.split(',')).map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "ETag" => wanted.etag = true,
            "Checksum" => wanted.checksum = true,
            "ObjectParts" => wanted.parts = true,
            "StorageClass" => wanted.storage_class = true,
            "ObjectSize" => wanted.size = true,
            other => return Err(refused(other)),
        }
    }
    if wanted == Wanted::default() {
        return Err(S3Error::invalid_request(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty",
        ));
    }
    Ok(wanted)
}

fn render(attributes: &ObjectAttributes, wanted: Wanted, page: PartPageInput) -> Response {
    let object = &attributes.object;
    let mut xml = XmlWriter::document("GetObjectAttributesResponse");
    if wanted.etag {
        xml.text("ETag", object.etag.as_str());
    }
    if let Some(checksum) = object.checksum.as_ref().filter(|_| wanted.checksum) {
        xml.element("Checksum", |xml| checksum_output::object_elements(xml, checksum));
    }
    if let (Some(parts), Some(count)) = (&attributes.parts, object.part_count) {
        xml.element("ObjectParts", |xml| write_parts(xml, parts, count, page));
    }
    if wanted.storage_class {
        xml.text("StorageClass", "STANDARD");
    }
    if wanted.size {
        xml.number("ObjectSize", object.size);
    }
    let mut response = parameter::document(xml.finish());
    response.headers_mut().insert(header::LAST_MODIFIED, own_value(&object.created.to_http_date()));
    insert_version(&mut response, attributes.version);
    response
}

/// The count has two names in S3's documents: on the wire it is `PartsCount`.
fn write_parts(xml: &mut XmlWriter, parts: &PartPage<VersionPart>, part_count: u32, page: PartPageInput) {
    let last = parts.parts.last().map_or(page.after_part, |part| part.part_number);
    xml.number("PartsCount", part_count.into());
    xml.number("PartNumberMarker", page.after_part.into()).number("NextPartNumberMarker", last.into());
    xml.number("MaxParts", page.limit.into()).flag("IsTruncated", parts.is_truncated);
    for part in &parts.parts {
        xml.element("Part", |xml| {
            xml.number("PartNumber", part.part_number.into()).number("Size", part.size);
            if let Some(checksum) = &part.checksum {
                checksum_output::part_element(xml, checksum);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::S3Code;

    #[test]
    fn names_come_in_one_header_or_in_several() {
        let all = wanted(&["ETag, Checksum", "ObjectParts", "StorageClass,ObjectSize"]).unwrap();
        assert_eq!(all, Wanted { etag: true, checksum: true, parts: true, storage_class: true, size: true });
        for nothing in [&[][..], &[""], &[" , "]] {
            assert_eq!(wanted(nothing).unwrap_err().code(), S3Code::InvalidRequest);
        }
        assert_eq!(wanted(&["ETag,Colour"]).unwrap_err().code(), S3Code::InvalidArgument);
    }
}
