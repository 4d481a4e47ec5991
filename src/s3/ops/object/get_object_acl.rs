//! GetObjectAcl.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            acl,
            parameter::{self, insert_own},
        },
    },
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let version = parameter::version(ctx)?;
    let object = objects.version_of(ctx.bucket()?, ctx.key()?, version).await?;
    let mut response = parameter::document(acl::default_acl(&object.owner));
    if !object.is_null {
        insert_own(&mut response, "x-amz-version-id", &object.version.to_string());
    }
    Ok(response)
}
