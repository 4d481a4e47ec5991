//! GetBucketLifecycleConfiguration.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::lifecycle_output},
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let rules = objects.bucket_lifecycle(ctx.bucket()?).await?;
    Ok(lifecycle_output::document(&rules))
}
