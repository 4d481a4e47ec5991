//! GetBucketTagging.

use crate::s3::{
    RequestBody, RequestContext, Response, S3Error,
    ops::{parameter, tagging},
};

pub async fn handle(ctx: &RequestContext<'_>, _body: RequestBody) -> Result<Response, S3Error> {
    let tags = ctx.objects.bucket_tags(ctx.bucket()?).await?;
    Ok(parameter::document(tagging::render_document(&tags)))
}
