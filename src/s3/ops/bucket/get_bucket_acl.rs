//! GetBucketAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{acl, parameter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let bucket = objects.head_bucket(ctx.bucket()?).await?;
    Ok(parameter::document(acl::default_acl(&bucket.owner)))
}
