//! GetBucketWebsite.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{parameter, website},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let website = objects.bucket_website(ctx.bucket()?).await?;
    Ok(parameter::document(website::render_document(&website)))
}
