//! PutObjectTagging: replaces the whole set.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            parameter::{self, DOCUMENT_MAX_BYTES, insert_version},
            tagging,
        },
    },
    types::TagLimit,
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let tags = tagging::parse_document(&body.read_document(DOCUMENT_MAX_BYTES).await?, TagLimit::Object)?;
    let version = objects.set_object_tags(ctx.bucket()?, ctx.key()?, version, tags, ctx.permit).await?;
    let mut response = parameter::empty(StatusCode::OK);
    insert_version(&mut response, version);
    Ok(response)
}
