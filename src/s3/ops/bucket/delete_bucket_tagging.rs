//! DeleteBucketTagging.

use crate::s3::{RequestBody, RequestContext, Response, S3Error, ops::parameter};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, _body: RequestBody) -> Result<Response, S3Error> {
    ctx.objects.set_bucket_tags(ctx.bucket()?, None).await?;
    Ok(parameter::empty(StatusCode::NO_CONTENT))
}
