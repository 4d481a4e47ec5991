//! HeadBucket.

use super::region_name;
use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::parameter::{self, insert_own},
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let bucket = objects.head_bucket(ctx.bucket()?).await?;
    let mut response = parameter::empty(StatusCode::OK);
    insert_own(&mut response, "x-amz-bucket-region", region_name(ctx, &bucket));
    insert_own(&mut response, "x-amz-access-point-alias", "false");
    Ok(response)
}
