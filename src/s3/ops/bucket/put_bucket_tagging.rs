//! PutBucketTagging.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            parameter::{self, DOCUMENT_MAX_BYTES},
            tagging,
        },
    },
    types::TagLimit,
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let tags = tagging::parse_document(&body.read_document(DOCUMENT_MAX_BYTES).await?, TagLimit::Bucket)?;
    objects.set_bucket_tags(ctx.bucket()?, Some(tags)).await?;
    Ok(parameter::empty(StatusCode::NO_CONTENT))
}
