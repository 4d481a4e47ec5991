//! ListObjectVersions.

use super::listed_object::{OwnerElement, write_details};
use crate::{
    objects::{ListVersionsInput, ListedVersion, Objects, VersionPage},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            list_input::{self, ListParameters},
            list_output, owner_output,
            parameter::{self, version_text},
        },
        xml::{TextEncoding, XmlWriter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let parameters = list_input::list_parameters(ctx, "max-keys")?;
    let page = objects.list_versions(input(ctx, &parameters)?).await?;
    Ok(render(ctx, &parameters, &page))
}

fn input(ctx: &RequestContext<'_>, parameters: &ListParameters) -> Result<ListVersionsInput, S3Error> {
    let key_marker = list_input::text(ctx, "key-marker");
    let version_marker = ctx.query.get("version-id-marker").filter(|marker| !marker.is_empty());
    if key_marker.is_empty() && version_marker.is_some() {
        return Err(S3Error::invalid_argument(
            "version-id-marker",
            version_marker.unwrap_or_default(),
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    Ok(ListVersionsInput {
        bucket: ctx.bucket()?.clone(),
        prefix: parameters.prefix.clone(),
        delimiter: parameters.delimiter.clone(),
        key_marker,
        version_marker: version_marker.map(parameter::parse_version).transpose()?,
        limit: parameters.page_limit,
    })
}

fn render(ctx: &RequestContext<'_>, parameters: &ListParameters, page: &VersionPage) -> Response {
    let encoding = parameters.encoding;
    let mut xml = XmlWriter::document("ListVersionsResult");
    xml.text("Name", ctx.bucket.map_or("", |bucket| bucket.as_str())).key("Prefix", &parameters.prefix, encoding);
    xml.key("KeyMarker", ctx.query.get("key-marker").unwrap_or_default(), encoding);
    xml.text("VersionIdMarker", ctx.query.get("version-id-marker").unwrap_or_default());
    if let Some(next) = &page.next {
        xml.key("NextKeyMarker", &next.key, encoding);
        xml.optional_text("NextVersionIdMarker", next.version.as_ref().map(version_text).as_deref());
    }
    xml.number("MaxKeys", parameters.page_limit.into());
    if !parameters.delimiter.is_empty() {
        xml.key("Delimiter", &parameters.delimiter, encoding);
    }
    list_output::write_encoding(&mut xml, encoding);
    xml.flag("IsTruncated", page.next.is_some());
    list_output::write_entries(&mut xml, &page.entries, encoding, |xml, version| write_version(xml, version, encoding));
    parameter::document(xml.finish())
}

fn write_version(xml: &mut XmlWriter, version: &ListedVersion, encoding: TextEncoding) {
    let object = &version.object;
    let id = if version.is_null { "null".to_owned() } else { version.version.to_string() };
    let element = if version.is_delete_marker { "DeleteMarker" } else { "Version" };
    xml.element(element, |xml| {
        xml.key("Key", object.key.as_str(), encoding).text("VersionId", &id);
        xml.flag("IsLatest", version.is_latest).text("LastModified", &object.modified.to_iso_8601());
        if version.is_delete_marker {
            owner_output::owner(xml, "Owner", &object.owner);
        } else {
            write_details(xml, object, OwnerElement::Shown);
        }
    });
}
