//! ListObjects, the first version: `marker` and `NextMarker`.

use super::listed_object::{OwnerElement, write_contents};
use crate::{
    objects::{ListInput, ListPosition, ObjectPage, Objects},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            list_input::{self, ListParameters},
            list_output, parameter,
        },
        xml::XmlWriter,
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let parameters = list_input::list_parameters(ctx, "max-keys")?;
    let marker = list_input::text(ctx, "marker");
    let page = objects.list(input(ctx, &parameters, &marker)?).await?;
    Ok(render(ctx, &parameters, &marker, &page))
}

fn input(ctx: &RequestContext<'_>, parameters: &ListParameters, marker: &str) -> Result<ListInput, S3Error> {
    Ok(ListInput {
        bucket: ctx.bucket()?.clone(),
        prefix: parameters.prefix.clone(),
        delimiter: parameters.delimiter.clone(),
        position: match marker {
            "" => ListPosition::Start,
            marker => ListPosition::Marker(marker.to_owned()),
        },
        limit: parameters.page_limit,
    })
}

fn render(ctx: &RequestContext<'_>, parameters: &ListParameters, marker: &str, page: &ObjectPage) -> Response {
    let encoding = parameters.encoding;
    let mut xml = XmlWriter::list_document("ListBucketResult", page.entries.len());
    xml.text("Name", ctx.bucket.map_or("", |bucket| bucket.as_str()));
    xml.key("Prefix", &parameters.prefix, encoding).key("Marker", marker, encoding);
    // S3 gives NextMarker only with a delimiter; without one, the last key is where a client goes on.
    if let Some(next) = page.next_marker().filter(|_| !parameters.delimiter.is_empty()) {
        xml.key("NextMarker", next, encoding);
    }
    xml.number("MaxKeys", parameters.page_limit.into());
    if !parameters.delimiter.is_empty() {
        xml.key("Delimiter", &parameters.delimiter, encoding);
    }
    list_output::write_encoding(&mut xml, encoding);
    xml.flag("IsTruncated", page.next.is_some());
    list_output::write_entries(&mut xml, &page.entries, encoding, |xml, object| {
        write_contents(xml, object, encoding, OwnerElement::Shown);
    });
    parameter::document(xml.finish())
}
