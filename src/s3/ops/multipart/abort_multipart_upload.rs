//! AbortMultipartUpload.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{parameter, upload_input},
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    objects.abort_upload(&upload_input::upload_name(ctx)?).await?;
    Ok(parameter::empty(StatusCode::NO_CONTENT))
}
