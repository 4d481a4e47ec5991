//! GetBucketLocation: empty for the default region, as S3 has it.

use super::{DEFAULT_REGION, region_name};
use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::parameter, xml::XmlWriter},
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let bucket = objects.head_bucket(ctx.bucket()?).await?;
    let mut xml = XmlWriter::document("LocationConstraint");
    xml.content(if region_name(ctx, &bucket) == DEFAULT_REGION { "" } else { region_name(ctx, &bucket) });
    Ok(parameter::document(xml.finish()))
}
