//! GetBucketAcl: the owner has full control, and nobody else has anything. That is the truth until there are ACLs.

use crate::{
    objects::Objects,
    s3::{
        RequestContext, Response, S3Error,
        ops::{owner_output, parameter},
        xml::XmlWriter,
    },
};
use bytes::Bytes;

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    let bucket = objects.head_bucket(ctx.bucket()?).await?;
    Ok(parameter::document(default_acl(&bucket.owner)))
}

/// Of a bucket or an object.
pub(in crate::s3::ops) fn default_acl(owner: &str) -> Bytes {
    const GRANTEE: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"";
    let mut xml = XmlWriter::document("AccessControlPolicy");
    owner_output::owner(&mut xml, "Owner", owner);
    xml.element("AccessControlList", |xml| {
        xml.element("Grant", |xml| {
            xml.element_with("Grantee", GRANTEE, |xml| {
                xml.text("ID", owner).text("DisplayName", owner);
            });
            xml.text("Permission", "FULL_CONTROL");
        });
    });
    xml.finish()
}
