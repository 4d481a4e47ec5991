//! GetObjectAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            acl,
            parameter::{self, insert_version},
        },
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let kept = objects.version_of(ctx.bucket()?, ctx.key()?, version).await?;
    let mut response = parameter::document(acl::default_acl(&kept.object.owner));
    insert_version(&mut response, kept.version);
    Ok(response)
}
