//! GetPublicAccessBlock.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{parameter, public_access_block},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let block = objects.public_access_block(ctx.bucket()?).await?;
    Ok(parameter::document(public_access_block::render_document(block)))
}
