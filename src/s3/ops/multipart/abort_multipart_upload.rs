//! AbortMultipartUpload.

use crate::s3::{
    RequestBody, RequestContext, Response, S3Error,
    ops::{parameter, upload_input},
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, _body: RequestBody) -> Result<Response, S3Error> {
    ctx.objects.abort_upload(&upload_input::upload_name(ctx)?).await?;
    Ok(parameter::empty(StatusCode::NO_CONTENT))
}
