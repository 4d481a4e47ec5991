//! PutBucketWebsite.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            parameter::{self, DOCUMENT_MAX_BYTES},
            website,
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let website = website::parse_document(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_bucket_website(ctx.bucket()?, Some(website)).await?;
    Ok(parameter::empty(StatusCode::OK))
}
