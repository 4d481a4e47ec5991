//! PutObjectAcl: only what is so already.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            acl,
            parameter::{self, insert_version},
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    acl::require_default_acl(ctx, body).await?;
    let kept = objects.version_of(ctx.bucket()?, ctx.key()?, version).await?;
    let mut response = parameter::empty(StatusCode::OK);
    insert_version(&mut response, kept.version);
    Ok(response)
}
