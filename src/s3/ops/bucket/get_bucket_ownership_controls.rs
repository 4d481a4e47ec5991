//! GetBucketOwnershipControls.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{ownership_controls, parameter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let ownership = objects.ownership(ctx.bucket()?).await?;
    Ok(parameter::document(ownership_controls::render_document(ownership)))
}
