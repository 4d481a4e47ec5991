//! GetObjectRetention and GetObjectLegalHold: no bucket has Object Lock yet, and S3 says so.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::parameter},
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    objects.version_of(ctx.bucket()?, ctx.key()?, version).await?;
    Err(S3Error::invalid_request("Bucket is missing Object Lock Configuration"))
}
