//! DeleteObjectTagging.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::parameter::{self, insert_version},
    },
    types::TagSet,
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let version = objects.set_object_tags(ctx.bucket()?, ctx.key()?, version, TagSet::default(), ctx.permit).await?;
    let mut response = parameter::empty(StatusCode::NO_CONTENT);
    insert_version(&mut response, version);
    Ok(response)
}
