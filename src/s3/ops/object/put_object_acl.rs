//! PutObjectAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestBody, RequestContext, Response, S3Error,
        ops::{
            acl_input,
            parameter::{self, insert_version},
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects, body: RequestBody) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let acl = acl_input::in_headers_or_document(ctx, body).await?;
    let version = objects.set_object_acl(ctx.bucket()?, ctx.key()?, version, acl, ctx.permit).await?;
    let mut response = parameter::empty(StatusCode::OK);
    insert_version(&mut response, version);
    Ok(response)
}
