//! DeletePublicAccessBlock.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::parameter},
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    objects.set_public_access_block(ctx.bucket()?, None).await?;
    Ok(parameter::empty(StatusCode::NO_CONTENT))
}
