//! PutPublicAccessBlock.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            parameter::{self, DOCUMENT_MAX_BYTES},
            public_access_block,
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let block = public_access_block::parse_document(&body.read_document(DOCUMENT_MAX_BYTES).await?)?;
    objects.set_public_access_block(ctx.bucket()?, Some(block)).await?;
    Ok(parameter::empty(StatusCode::OK))
}
