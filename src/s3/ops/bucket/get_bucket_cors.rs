//! GetBucketCors.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{cors, parameter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let rules = objects.bucket_cors(ctx.bucket()?).await?;
    Ok(parameter::document(cors::render_document(&rules)))
}
