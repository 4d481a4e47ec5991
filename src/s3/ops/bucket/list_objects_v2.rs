//! ListObjectsV2: `continuation-token`, `start-after`, `fetch-owner`.

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
    let owner = owner_element(ctx)?;
    let page = objects.list(input(ctx, &parameters)?).await?;
    Ok(render(ctx, &parameters, owner, &page))
}

fn owner_element(ctx: &RequestContext<'_>) -> Result<OwnerElement, S3Error> {
    match ctx.query.get("fetch-owner") {
        None | Some("" | "false") => Ok(OwnerElement::Left),
        Some("true") => Ok(OwnerElement::Shown),
        Some(other) => Err(S3Error::invalid_argument("fetch-owner", other, "fetch-owner must be true or false")),
    }
}

/// A token wins over `start-after`, which only the first request of a list needs.
fn input(ctx: &RequestContext<'_>, parameters: &ListParameters) -> Result<ListInput, S3Error> {
    let text = |name| ctx.query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let position = match (text("continuation-token"), text("start-after")) {
        (Some(token), _) => ListPosition::Token(token),
        (None, Some(key)) => ListPosition::After(key),
        (None, None) => ListPosition::Start,
    };
    Ok(ListInput {
        bucket: ctx.bucket()?.clone(),
        prefix: parameters.prefix.clone(),
        delimiter: parameters.delimiter.clone(),
        position,
        limit: parameters.page_limit,
    })
}

fn render(ctx: &RequestContext<'_>, parameters: &ListParameters, owner: OwnerElement, page: &ObjectPage) -> Response {
    let encoding = parameters.encoding;
    let mut xml = XmlWriter::list_document("ListBucketResult", page.entries.len());
    xml.text("Name", ctx.bucket.map_or("", |bucket| bucket.as_str())).key("Prefix", &parameters.prefix, encoding);
    // Given back as they came, empty ones too.
    xml.optional_text("ContinuationToken", ctx.query.get("continuation-token"));
    xml.optional_text("NextContinuationToken", page.next_token().as_deref());
    xml.number("KeyCount", page.entries.len() as u64).number("MaxKeys", parameters.page_limit.into());
    if !parameters.delimiter.is_empty() {
        xml.key("Delimiter", &parameters.delimiter, encoding);
    }
    if let Some(start_after) = ctx.query.get("start-after") {
        xml.key("StartAfter", start_after, encoding);
    }
    list_output::write_encoding(&mut xml, encoding);
    xml.flag("IsTruncated", page.next.is_some());
    list_output::write_entries(&mut xml, &page.entries, encoding, |xml, object| {
        write_contents(xml, object, encoding, owner);
    });
    parameter::document(xml.finish())
}
