//! ListBuckets.

use crate::{
    objects::{BUCKETS_PAGE_MAX, BucketPage, ListBucketsInput, Objects},
    s3::{
        RequestContext, Response, S3Error,
        ops::{bucket::region_name, list_input, owner_output, parameter},
        xml::XmlWriter,
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let input = parse(ctx)?;
    let page = objects.list_buckets(&input).await?;
    Ok(render(ctx, &input, &page))
}

fn parse(ctx: &RequestContext<'_>) -> Result<ListBucketsInput, S3Error> {
    let limit = parameter::query_number(ctx, "max-buckets")?;
    if let Some(limit) = limit.filter(|limit| !(1..=BUCKETS_PAGE_MAX).contains(limit)) {
        return Err(S3Error::invalid_argument(
            "max-buckets",
            &limit.to_string(),
            "Argument max-buckets must be an integer between 1 and 10000",
        ));
    }
    let token = ctx.query.get("continuation-token").filter(|token| !token.is_empty()).map(str::to_owned);
    Ok(ListBucketsInput { prefix: list_input::text(ctx, "prefix"), token, limit })
}

fn render(ctx: &RequestContext<'_>, input: &ListBucketsInput, page: &BucketPage) -> Response {
    // A page of a filtered list may hold fewer buckets than were asked for, even none; its token leads on.
    let region = ctx.query.get("bucket-region").filter(|region| !region.is_empty());
    let region_of = |bucket| region_name(ctx, bucket);
    // S3 names regions as soon as the request has any of its parameters.
    let names_regions =
        ["prefix", "max-buckets", "continuation-token", "bucket-region"].iter().any(|name| ctx.query.contains(name));
    let mut xml = XmlWriter::document("ListAllMyBucketsResult");
    owner_output::owner(&mut xml, "Owner", ctx.principal.owner());
    xml.element("Buckets", |xml| {
        for bucket in page.buckets.iter().filter(|bucket| region.is_none_or(|region| region_of(bucket) == region)) {
            xml.element("Bucket", |xml| {
                xml.text("Name", bucket.name.as_str()).text("CreationDate", &bucket.created.to_iso_8601());
                if names_regions {
                    xml.text("BucketRegion", region_of(bucket));
                }
            });
        }
    });
    if ctx.query.contains("prefix") {
        xml.text("Prefix", &input.prefix);
    }
    xml.optional_text("ContinuationToken", page.next_token.as_deref());
    parameter::document(xml.finish())
}
