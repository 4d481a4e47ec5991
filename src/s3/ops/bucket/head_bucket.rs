//! HeadBucket.

use super::region_name;
use crate::s3::{
    RequestBody, RequestContext, Response, S3Error,
    ops::parameter::{self, insert_own},
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, _body: RequestBody) -> Result<Response, S3Error> {
    let bucket = ctx.objects.head_bucket(ctx.bucket()?).await?;
    let mut response = parameter::empty(StatusCode::OK);
    insert_own(&mut response, "x-amz-bucket-region", region_name(&bucket.region));
    insert_own(&mut response, "x-amz-access-point-alias", "false");
    Ok(response)
}
