//! GetBucketVersioning: a bucket that never kept versions has no status.

use crate::{
    objects::Objects,
    s3::{RequestContext, Response, S3Error, ops::parameter, xml::XmlWriter},
    types::Versioning,
};

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let bucket = objects.head_bucket(ctx.bucket()?).await?;
    let mut xml = XmlWriter::document("VersioningConfiguration");
    let status = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some("Enabled"),
        Versioning::Suspended => Some("Suspended"),
    };
    xml.optional_text("Status", status);
    Ok(parameter::document(xml.finish()))
}
