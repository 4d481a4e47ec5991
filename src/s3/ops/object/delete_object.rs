//! DeleteObject. Deleting what is not there succeeds.

use crate::{
    objects::{DeleteEntry, DeletedVersion, Objects},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            condition_input, object_lock_input,
            parameter::{self, insert_own, insert_version},
        },
    },
};
use http::StatusCode;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let entry = parse(ctx)?;
    let deleted = objects.delete(ctx.bucket()?, entry, ctx.principal.owner(), ctx.permit).await?;
    Ok(render(&deleted))
}

fn parse(ctx: &RequestContext<'_>) -> Result<DeleteEntry, S3Error> {
    Ok(DeleteEntry {
        key: ctx.key()?.clone(),
        version: parameter::version(ctx)?,
        precondition: condition_input::delete_precondition(ctx)?,
        bypass: object_lock_input::bypass(ctx)?,
    })
}

fn render(deleted: &DeletedVersion) -> Response {
    let mut response = parameter::empty(StatusCode::NO_CONTENT);
    if deleted.is_delete_marker {
        insert_own(&mut response, "x-amz-delete-marker", "true");
    }
    insert_version(&mut response, deleted.version);
    response
}
