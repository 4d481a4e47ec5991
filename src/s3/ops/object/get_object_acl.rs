//! GetObjectAcl: the owner has full control, and nobody else has anything.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{bucket::get_bucket_acl::default_acl, parameter},
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let object = objects.version_of(ctx.bucket()?, ctx.key()?, version).await?;
    Ok(parameter::document(default_acl(&object.owner)))
}
