//! DeleteObjectTagging.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::parameter},
    types::TagSet,
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    objects.set_object_tags(ctx.bucket()?, ctx.key()?, version, TagSet::default()).await?;
    Ok(parameter::empty(StatusCode::NO_CONTENT))
}
