//! GetObjectAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            acl_document,
            parameter::{self, insert_version},
        },
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let kept = objects.version_of(ctx.bucket()?, ctx.key()?, version, ctx.permit).await?;
    let acl = kept.acl_rules.shown(kept.object.acl);
    let mut response = parameter::document(acl_document::render(&kept.object.owner, acl));
    insert_version(&mut response, kept.version);
    Ok(response)
}
