//! GetObjectTagging: an object without tags has an empty set.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            parameter::{self, insert_version},
            tagging,
        },
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let kept = objects.version_of(ctx.bucket()?, ctx.key()?, version, ctx.permit).await?;
    let mut response = parameter::document(tagging::render_document(&kept.object.tags));
    insert_version(&mut response, kept.version);
    Ok(response)
}
