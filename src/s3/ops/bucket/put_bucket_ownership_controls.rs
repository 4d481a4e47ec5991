//! PutBucketOwnershipControls.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            ownership_controls,
            parameter::{self, DOCUMENT_MAX_BYTES},
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let ownership = ownership_controls::parse_document(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_ownership(ctx.bucket()?, Some(ownership)).await?;
    Ok(parameter::empty(StatusCode::OK))
}
