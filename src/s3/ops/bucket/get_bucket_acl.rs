//! GetBucketAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{acl_document, parameter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let lists = objects.bucket_acl(ctx.bucket()?).await?;
    Ok(parameter::document(acl_document::render(&lists.owner, lists.acl)))
}
