//! PutBucketAcl: only what is so already.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{acl, parameter},
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    acl::require_default_acl(ctx, body).await?;
    objects.head_bucket(ctx.bucket()?).await?;
    Ok(parameter::empty(StatusCode::OK))
}
