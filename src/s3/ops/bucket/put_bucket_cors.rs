//! PutBucketCors.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            cors::{self, CORS_DOCUMENT_MAX_BYTES},
            parameter,
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let rules = cors::parse_document(&body.read_document(CORS_DOCUMENT_MAX_BYTES).await?)?;
    objects.set_bucket_cors(ctx.bucket()?, Some(rules)).await?;
    Ok(parameter::empty(StatusCode::OK))
}
