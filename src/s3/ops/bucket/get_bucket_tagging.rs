//! GetBucketTagging.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{parameter, tagging},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let tags = objects.bucket_tags(ctx.bucket()?).await?;
    Ok(parameter::document(tagging::render_document(&tags)))
}
