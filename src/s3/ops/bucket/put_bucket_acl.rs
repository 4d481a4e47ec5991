//! PutBucketAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{acl_input, parameter},
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let acl = acl_input::in_headers_or_document(ctx, body).await?;
    objects.set_bucket_acl(ctx.bucket()?, acl, ctx.permit).await?;
    Ok(parameter::empty(StatusCode::OK))
}
