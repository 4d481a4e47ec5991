//! HeadBucket. With `read-stats=true`, a parameter of Ceph's that S3 does not know, it counts what the bucket holds.

use super::region_name;
use crate::{
    objects::{Bucket, ObjectError, Objects},
    s3::{
        RequestContext, Response, S3Code, S3Error,
        ops::parameter::{self, insert_own},
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let bucket = objects.head_bucket(ctx.bucket()?).await?;
    let mut response = parameter::empty(StatusCode::OK);
    insert_own(&mut response, "x-amz-bucket-region", region_name(ctx, &bucket));
    insert_own(&mut response, "x-amz-access-point-alias", "false");
    if ctx.query.get("read-stats") == Some("true") {
        // Who may look at the bucket may not have all of it counted again and again.
        if !ctx.permit.is_full() {
            return Err(S3Code::AccessDenied.into());
        }
        insert_usage(&mut response, objects, &bucket).await?;
    }
    Ok(response)
}

/// Names of the headers: ceph/s3-tests, `test_head_bucket_usage`.
async fn insert_usage(response: &mut Response, objects: &Objects, bucket: &Bucket) -> Result<(), ObjectError> {
    let usage = objects.bucket_usage(bucket).await?;
    insert_own(response, "x-rgw-object-count", &usage.objects.to_string());
    insert_own(response, "x-rgw-bytes-used", &usage.bytes.to_string());
    insert_own(response, "x-rgw-quota-max-buckets", &objects.buckets_max().to_string());
    Ok(())
}
